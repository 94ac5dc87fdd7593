"""Sealed days: what was booked stays as it was, and a change behind the triggers is named with day and bucket."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import Error, connection, transaction

from alliance.calc.worktime import shanghai_day
from points import adjusting, proving, sealing, verify
from points.models import Seal, Transfer
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = pytest.mark.django_db(transaction=True)

OLD = NOON - timedelta(days=5)
DAY: date = shanghai_day(OLD)
SQL = Path(sealing.__file__).parent / "sql" / "seal.sql"


def sealed() -> tuple[Shop, int]:
    """Let two days pass with a sale, a void, a spend and a correction each, and seal them."""
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    for at in (OLD, OLD + timedelta(days=1)):
        shop.sell(wallet, 10_000, event_at=at, now=at)
        void = shop.sell(wallet, 5_000, event_at=at, now=at)
        shop.void(void.sale_id, now=at + timedelta(minutes=1))
        shop.sell(wallet, 200, event_at=at, now=at + timedelta(minutes=2), spend_points=100)
        adjusting.adjust(
            wallet_id=wallet.pk, funder_id=shop.merchant.float_id, points=30, caller=shop.caller, key=f"a {at}", actor=TEST, at=at,
            now=at + timedelta(minutes=3),
        )  # fmt: skip
    assert sealing.seal(now=OLD + timedelta(days=2)) > 1
    return shop, wallet.pk


def test_days_that_are_over_are_sealed_once() -> None:
    _shop, wallet = sealed()
    # From the first top-up, twenty days ago, through yesterday: one row per day and bucket.
    last = shanghai_day(OLD + timedelta(days=1))
    days = list(Seal.objects.order_by("sealed_on").values_list("sealed_on", flat=True).distinct())
    assert days[-1] == last and days[0] == shanghai_day(NOON - timedelta(days=20))
    assert Seal.objects.count() == 65 * len(days) == 65 * ((last - days[0]).days + 1)
    assert sealing.seal(now=OLD + timedelta(days=2)) == 0
    # That day: 6 transfers (2 sales, the void's, the spend and its own sale, the correction), 4 documents with their keys and
    # the correction's key, and the lots drawn on by the void and the spend.
    row = Seal.objects.get(sealed_on=DAY, bucket=wallet % 64)
    assert row.rows == 6 + 4 + 5 + 2
    assert Seal.objects.get(sealed_on=DAY, bucket=(wallet + 1) % 64).rows == 0
    assert [check for check in verify.run(all_seals=True) if check.differences] == []


def test_the_chain_can_be_computed_by_hand() -> None:
    _shop, wallet = sealed()
    bucket = wallet % 64
    before = Seal.objects.get(sealed_on=DAY - timedelta(days=1), bucket=bucket)
    row = Seal.objects.get(sealed_on=DAY, bucket=bucket)
    words = DAY.isoformat().encode() + bucket.to_bytes(2, "big", signed=True) + row.rows.to_bytes(8, "big")
    assert hashlib.sha256(b"\x04" + bytes(before.chain) + words + bytes(row.digest)).digest() == bytes(row.chain)
    chains = b"".join(bytes(each.chain) for each in Seal.objects.filter(sealed_on=DAY).order_by("bucket"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_seal_root(%s)", [DAY])
        assert bytes(cursor.fetchone()[0]) == hashlib.sha256(b"\x05" + chains).digest()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("points_transfer", "UPDATE points_transfer SET actor = 'user:9' WHERE wallet_id = {wallet} AND kind = 4 AND booked_at < '{end}'"),
        ("points_sale", "UPDATE points_sale SET reference = 'x' WHERE wallet_id = {wallet} AND kind = 2 AND booked_at < '{end}'"),
        ("points_lot_use", "DELETE FROM points_lot_use WHERE wallet_id = {wallet} AND points < 0 AND booked_at < '{end}'"),
        ("points_lot_use", "DELETE FROM points_lot_use WHERE wallet_id = {wallet} AND points > 0 AND booked_at < '{end}'"),
        ("points_key", "UPDATE points_key SET body = gen_random_uuid() WHERE wallet_id = {wallet} AND booked_at < '{end}'"),
        (
            "points_sale",
            "INSERT INTO points_sale SELECT (s).* FROM (SELECT jsonb_populate_record(z, '{{\"id\": 7}}') AS s FROM points_sale z"
            " WHERE wallet_id = {wallet} AND booked_at < '{end}' LIMIT 1) y",
        ),
    ],
)  # fmt: skip
def test_a_row_behind_the_triggers_is_seen_with_day_and_bucket(table: str, change: str) -> None:
    _shop, wallet = sealed()
    end = (OLD + timedelta(hours=12)).isoformat()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER points_immutable")
        cursor.execute(change.format(wallet=wallet, end=end))
        assert cursor.rowcount >= 0
        found = [each for _rows, day in sealing.broken(sealing.days(is_all=True)) for each in day]
        if "points < 0" not in change:
            assert [(each.on, each.bucket) for each in found] == [(DAY, wallet % 64)]
            text = StringIO()
            with pytest.raises(SystemExit):
                call_command("verify", seals=True, stdout=text)
            assert f"{DAY} bucket {wallet % 64}" in text.getvalue()
        transaction.set_rollback(True)


def test_only_the_newest_days_are_read_again_unless_all_are_asked_for() -> None:
    _shop, wallet = sealed()
    with transaction.atomic(), connection.cursor() as cursor:
        for _later in range(2, 5):
            cursor.execute("SELECT points_seal_fence(%s)", [NOON])
        cursor.execute("ALTER TABLE points_key DISABLE TRIGGER points_immutable")
        cursor.execute("UPDATE points_key SET body = gen_random_uuid() WHERE wallet_id = %s", [wallet])
        (check,) = verify.run(verify.SEALED)
        assert check.differences == 2
        (check,) = verify.run(verify.SEALED, all_seals=True)
        assert check.differences == 2 and check.rows > 34
        transaction.set_rollback(True)
    assert sealing.seal(now=NOON) == 3
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE points_key DISABLE TRIGGER points_immutable")
        cursor.execute("UPDATE points_key SET body = gen_random_uuid() WHERE wallet_id = %s", [wallet])
        assert [check.differences for check in verify.run(verify.SEALED)] == [0]
        assert [check.differences for check in verify.run(verify.SEALED, all_seals=True)] == [2]
        transaction.set_rollback(True)


def test_nothing_is_booked_into_a_sealed_day() -> None:
    shop, wallet = sealed()
    with pytest.raises(Error, match="sealed"):
        shop.sell(shop.wallet(), 100, event_at=OLD, now=OLD + timedelta(hours=2))
    # What happened on a sealed day and arrives today is booked today.
    assert shop.sell(wallet, 100, event_at=OLD, now=NOON).status == "booked"
    assert sealing.seal(now=NOON + timedelta(days=1)) == 4


def test_a_day_that_is_not_over_is_not_sealed() -> None:
    shop = open_shop(matures_days=0)
    shop.sell(shop.wallet(), 100)
    midnight = NOON.replace(hour=16)
    sealing.seal(now=midnight + timedelta(minutes=59))
    assert not Seal.objects.filter(sealed_on=shanghai_day(NOON)).exists()
    sealing.seal(now=midnight + timedelta(minutes=60))
    assert Seal.objects.filter(sealed_on=shanghai_day(NOON)).count() == 65


def test_a_transaction_that_still_runs_holds_the_seal_back(application_connection: object) -> None:
    open_shop()
    with application_connection.transaction():  # type: ignore[attr-defined]
        application_connection.execute("SELECT pg_current_xact_id()")  # type: ignore[attr-defined]
        assert sealing.seal(now=NOON) == 0
    assert sealing.seal(now=NOON) > 0


def test_a_proof_carries_the_seal_of_the_day_before() -> None:
    open_shop()
    sealing.seal(now=NOON)
    proof = proving.prove(at=NOON)
    assert proof is not None
    newest = sealing.newest()
    assert newest is not None
    assert proof.published["seal"] == {
        "on": (shanghai_day(NOON) - timedelta(days=1)).isoformat(),
        "root": newest[1].hex(),
    }


def test_the_application_can_read_and_call_but_not_write(application_connection: object) -> None:
    sealed()
    for statement in (
        "INSERT INTO points_seal SELECT * FROM points_seal",
        "DELETE FROM points_seal",
        "UPDATE points_seal SET rows = 1",
    ):
        with pytest.raises(Exception, match="permission denied"):
            application_connection.execute(statement)  # type: ignore[attr-defined]
    for statement in ("DELETE FROM points_seal", "TRUNCATE points_seal"):
        with pytest.raises(Error, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_every_column_of_the_history_is_sealed() -> None:
    text = SQL.read_text(encoding="utf-8")
    for table, letter in (("transfer", "t"), ("sale", "s"), ("lot_use", "u"), ("key", "k")):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
                [f"points_{table}"],
            )
            columns = [name for (name,) in cursor.fetchall()]
        (line,) = re.findall(rf"ROW\(({letter}\.[^)]*)\)", text)
        assert sorted(re.findall(rf"{letter}\.(\w+)", line)) == sorted(columns), table


def test_nothing_of_an_empty_book() -> None:
    assert sealing.seal(now=NOON) == 0 and sealing.newest() is None and not Transfer.objects.exists()
