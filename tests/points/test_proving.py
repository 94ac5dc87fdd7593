"""The daily proof: one snapshot, in balance with the book, and every wallet finds itself in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import Error, IntegrityError

from alliance.calc.worktime import shanghai_day
from points import closing, proving, rollup, tasks, verify
from points.calc import merkle
from points.models import Account, Proof, ProofBucket, Wallet
from tests.points.shops import NOON, Shop, open_shop

FIVE_PM = NOON + timedelta(hours=5)


def verified(evidence: proving.Evidence | None) -> bool:
    assert evidence is not None
    facts = evidence.proof
    return merkle.verify(
        wallet=evidence.wallet,
        balance=evidence.balance,
        salt=evidence.salt,
        path=evidence.path,
        root=bytes(facts.root),
        total=facts.total_points,
    )


def proved(at: datetime = NOON) -> Proof:
    proof = proving.prove(at=at)
    assert proof is not None
    return proof


def test_it_works(shop: Shop) -> None:
    """¥1,000 in the float; 500, 25 and 5 points given, 100 of them spent."""
    lin, zhou, nobody = (shop.wallet() for _n in range(3))
    shop.sell(lin, 10_000)
    shop.sell(zhou, 500)
    shop.sell(lin, 100, spend_points=100)
    proof = proved()
    assert (proof.taken_on, proof.total_points, proof.wallets) == (shanghai_day(NOON), 430, 3)
    assert proof.custody_fen == 100_000
    assert {row.pk: row.balance for row in Wallet.objects.all()} == {lin.pk: 405, zhou.pk: 25, nobody.pk: 0}
    for wallet, balance in ((lin, 405), (zhou, 25), (nobody, 0)):
        evidence = proving.evidence(proof.taken_on, wallet.pk)
        assert evidence is not None and evidence.balance == balance
        assert verified(evidence)


def test_what_is_published_adds_up_before_and_after_the_roll_up(shop: Shop) -> None:
    """Collecting accounts are as far as the mark: what came since is counted too."""
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    shop.sell(wallet, 100, spend_points=100)
    figures = proved().published
    assert figures["owed_fen"] | {"centre": 0} == {
        "suspense": 0, "float": 100_000 - 808, "proceeds": 99, "rest": 303, "fee_rest": 1, "centre": 0, "promo": 0,
    }  # fmt: skip
    assert figures["own_fen"] == {"fee": 0, "buffer": 0, "breakage": 0, "surplus": 0}
    rollup.run()
    closing.close(NOON.date() - timedelta(days=1), now=FIVE_PM)
    tomorrow = proved(NOON + timedelta(days=1)).published
    for each in (figures, tomorrow):
        parts = [*each["points"].values(), *each["owed_fen"].values(), *each["own_fen"].values()]
        assert sum(parts) == each["custody_fen"] == 100_000


def test_pending_points_are_counted_and_said(slow_shop: Shop) -> None:
    slow_shop.sell(slow_shop.wallet(), 10_000)
    assert proved().published["points"] == {"spendable": 0, "pending": 500, "held": 0}


def test_an_empty_book_has_a_proof_too(db: None) -> None:
    proof = proved()
    assert (proof.total_points, proof.wallets, proof.custody_fen, proof.coverage) == (0, 0, 0, None)
    assert bytes(proof.root) == merkle.root([merkle.EMPTY] * 64).hash
    assert proof.bank_on is None


def test_a_second_proof_of_a_day_changes_nothing(shop: Shop) -> None:
    proof = proved()
    shop.sell(shop.wallet(), 10_000)
    assert proving.prove(at=FIVE_PM) is None
    assert list(Proof.objects.values_list("root", flat=True)) == [proof.root]


def test_the_chain_of_the_database_is_the_chain_of_the_format(shop: Shop) -> None:
    first, second = proved(), proved(NOON + timedelta(days=1))
    before = merkle.START
    for proof in (first, second):
        expected = merkle.chain(
            before, proof.taken_on.isoformat(), bytes(proof.root), proof.total_points, proof.figures
        )
        assert bytes(proof.chain) == expected
        before = expected
    assert [row.taken_on for row, _before in proving.links(9)] == [second.taken_on, first.taken_on]
    assert [before for _row, before in proving.links(9)] == [bytes(first.chain).hex(), merkle.START.hex()]
    assert proving.links(1)[0][1] == bytes(first.chain).hex()


def test_the_secret_is_another_one_each_day_and_so_is_every_neighbour(shop: Shop) -> None:
    wallets = [shop.wallet() for _n in range(3)]
    first, second = proved(), proved(NOON + timedelta(days=1))
    assert first.secret != second.secret
    assert first.root != second.root
    found = [proving.evidence(day, wallets[0].pk) for day in (first.taken_on, second.taken_on)]
    assert found[0] and found[1] and found[0].salt != found[1].salt


def test_a_wallet_that_came_later_is_not_in_it(shop: Shop) -> None:
    proof = proved()
    assert proving.evidence(proof.taken_on, shop.wallet().pk) is None
    assert proving.evidence(proof.taken_on - timedelta(days=1), 1024) is None


def test_a_book_out_of_balance_is_not_proved(shop: Shop) -> None:
    wallet = shop.wallet(points=100)
    Wallet.objects.filter(pk=wallet.pk).update(balance=101)
    with pytest.raises(proving.ProofDiffers):
        proving.prove(at=NOON)
    assert not Proof.objects.exists()


def test_a_proof_is_never_older_than_the_last(db: None) -> None:
    proved(NOON)
    with pytest.raises(IntegrityError, match="comes after"), transaction.atomic():
        proving.prove(at=NOON - timedelta(days=1))


# --- pruning ------------------------------------------------------------------------------------------


def test_old_balances_are_let_go_but_for_the_last_of_each_month(shop: Shop) -> None:
    wallet = shop.wallet(points=100)
    today = shanghai_day(datetime.now(NOON.tzinfo))
    days = [today - timedelta(days=n) for n in range(110, -1, -1)]
    for day in days:
        proved(datetime(day.year, day.month, day.day, 4, tzinfo=NOON.tzinfo))
    expected = {
        day for day in days if day >= today - timedelta(days=35) or (day + timedelta(days=1)).month != day.month
    }
    assert proving.prune() == len(days) - len(expected)
    assert set(proving.kept_days()) == expected
    assert proving.prune() == 0
    assert Proof.objects.count() == len(days)
    assert proving.evidence(days[0], wallet.pk) is None or days[0] in expected
    assert all(verified(proving.evidence(day, wallet.pk)) for day in expected)
    assert [check.differences for check in verify.checks()] == [0] * len(verify.names())


# --- the application's role ---------------------------------------------------------------------------


@pytest.mark.law
@pytest.mark.django_db(transaction=True)
def test_the_application_adds_proofs_and_changes_none(application_connection: psycopg.Connection[Any]) -> None:
    open_shop().wallet(points=100)
    proved(NOON - timedelta(days=40))
    proved(NOON - timedelta(days=39))
    for statement in (
        "UPDATE points_proof SET root = root",
        "UPDATE points_proof_bucket SET total_points = 0",
        "DELETE FROM points_proof",
        "DELETE FROM points_proof_bucket",
        "TRUNCATE points_proof CASCADE",
        "TRUNCATE points_proof_bucket",
        "ALTER TABLE points_proof DISABLE TRIGGER ALL",
        "DROP TABLE points_proof_bucket",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application_connection.execute(statement)
    copy = """INSERT INTO points_proof SELECT %s::date, %s::timestamptz, root, total_points, wallets, custody_fen, figures, bank_on, secret, chain
      FROM points_proof LIMIT 1 RETURNING chain"""
    for day in (NOON - timedelta(days=60), NOON - timedelta(days=39), NOON + timedelta(days=3)):
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.InvalidParameterValue)):
            application_connection.execute(copy, [shanghai_day(day), day])
    # What it may add hangs on the last one, whatever chain it names.
    now = datetime.now(NOON.tzinfo)
    (chain,) = application_connection.execute(copy, [shanghai_day(now), now]).fetchone() or (None,)
    rows = list(Proof.objects.order_by("taken_on"))
    assert chain == merkle.chain(
        bytes(rows[1].chain), rows[2].taken_on.isoformat(), bytes(rows[2].root), rows[2].total_points, rows[2].figures
    )
    assert application_connection.execute("SELECT points_prune_proofs()").fetchone() is not None


@pytest.mark.django_db(transaction=True)
def test_even_the_owner_cannot_rewrite_a_proof() -> None:
    proved()
    for statement in (
        "UPDATE points_proof SET total_points = 1",
        "DELETE FROM points_proof",
        "UPDATE points_proof_bucket SET bucket = 1",
    ):
        with pytest.raises(Error, match="never changed"), connection.cursor() as cursor:
            cursor.execute(statement)


# --- one moment ---------------------------------------------------------------------------------------


@pytest.fixture
def busy() -> Iterator[threading.Event]:
    """A shop that sells, takes points and rolls up in four threads for as long as the test runs."""
    shop = open_shop(float_fen=100_000_000, matures_days=0)
    wallets = [shop.wallet(points=1_000) for _n in range(12)]
    stop, faults = threading.Event(), []

    def sell(number: int) -> None:
        try:
            n = 0
            while not stop.is_set():
                n += 1
                wallet = wallets[(n * 5 + number) % len(wallets)]
                shop.sell(wallet, 1_000, key=f"busy {number} {n}", spend_points=n % 3 * 7)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    def roll() -> None:
        while not stop.is_set():
            rollup.run()
        connection.close()

    threads = [threading.Thread(target=sell, args=(n,)) for n in range(3)] + [threading.Thread(target=roll)]
    for thread in threads:
        thread.start()
    yield stop
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_proof_is_of_one_moment_while_the_shops_go_on(busy: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading the accounts and reading the wallets much is sold: in another isolation the two would differ."""
    grow = merkle.grow

    def slowly(pairs: bytes, secret: bytes) -> merkle.Bucket:
        time.sleep(0.003)
        return grow(pairs, secret)

    monkeypatch.setattr(merkle, "grow", slowly)
    for day in range(3):
        proof = proved(NOON + timedelta(days=day))
        figures = proof.published
        parts = [*figures["points"].values(), *figures["owed_fen"].values(), *figures["own_fen"].values()]
        assert sum(parts) == figures["custody_fen"] == 100_000_000
        held = [
            pair
            for row in ProofBucket.objects.filter(taken_on=proof.taken_on)
            for pair in merkle.holdings(bytes(row.leaves))
        ]
        assert sum(balance for _wallet, balance in held) == proof.total_points
    busy.set()
    totals = list(Proof.objects.order_by("taken_on").values_list("total_points", flat=True))
    assert totals[0] != totals[-1], "nothing was sold meanwhile"


# --- the clock ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_task_proves_once_and_says_so() -> None:
    from alliance.models import Job

    open_shop().wallet(points=100)
    assert tasks.prove() == 1
    assert tasks.prove() == 0
    (job,) = Job.objects.filter(kind=tasks.PROVE)
    assert job.state == Job.State.DONE
    proof = Proof.objects.get()
    assert job.result == {"on": proof.taken_on.isoformat(), "wallets": 1, "root": bytes(proof.root).hex()}


@pytest.mark.django_db(transaction=True)
def test_a_task_that_fails_leaves_a_failed_job() -> None:
    from alliance.models import Job

    wallet = open_shop(matures_days=0).wallet(points=100)
    Wallet.objects.filter(pk=wallet.pk).update(balance=1)
    with pytest.raises(proving.ProofDiffers):
        tasks.prove()
    (job,) = Job.objects.filter(kind=tasks.PROVE)
    assert (job.state, job.result["code"]) == (Job.State.FAILED, "proof_failed")


def test_figures_are_kept_as_they_were_published(shop: Shop) -> None:
    proof = proved()
    assert proof.figures == json.dumps(json.loads(proof.figures), sort_keys=True, separators=(",", ":"))
    assert date.fromisoformat(proof.published["on"]) == proof.taken_on
    assert set(proof.published["owed_fen"]) | set(proof.published["own_fen"]) <= {
        kind.name.lower() for kind in Account.Kind
    }
