"""Real parallel connections: exactly the allowed number wins, always."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from alliance.refusals import Refused
from points import accounts, bills, closing, expiry, funding, holds, identify, rollup, verify
from points.models import BankLine, Hold, Wallet
from tests.points import ruling
from tests.points.shops import NOON, TEST, Shop, open_shop

pytestmark = [pytest.mark.race, pytest.mark.law, pytest.mark.django_db(transaction=True)]


def together(n: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in n threads that start at the same moment; return what they answered or raised."""
    barrier, answers = threading.Barrier(n), [None] * n

    def one(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            answers[number] = act(number)
        except Exception as error:
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def post(shop: Shop, wallet: Wallet, paid: int, at: datetime | None = None, **more: Any) -> Any:
    bill = shop.draft(wallet, paid, event_at=at or timezone.now(), **more)
    return bills.post([bill], caller=shop.caller, actor=TEST)[0]


def sound() -> None:
    rollup.run()
    assert [check for check in verify.checks() if check.differences] == []


def statuses(answers: list[Any]) -> Counter[str]:
    return Counter(
        answer.code or answer.status if not isinstance(answer, Exception) else repr(answer) for answer in answers
    )


def test_of_fifty_spends_of_the_same_points_one_wins() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    post(shop, wallet, 2_000)  # 100 points
    answers = together(50, lambda _n: post(shop, wallet, 0, spend_points=100))
    assert statuses(answers) == {"booked": 1, "points_short": 49}
    sound()


def test_of_twenty_twins_of_a_request_one_is_booked() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    at = timezone.now()
    answers = together(20, lambda _n: post(shop, wallet, 10_000, at, key="same", body="same"))
    assert statuses(answers) == {"booked": 20}
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.sale_id for answer in answers}) == 1
    sound()


def test_one_key_for_many_wallets_books_one_of_them() -> None:
    shop = open_shop(matures_days=0)
    wallets = [shop.wallet() for _ in range(12)]
    at = timezone.now()
    answers = together(12, lambda n: post(shop, wallets[n], 10_000, at, key="same", body=f"{n}"))
    assert statuses(answers) == {"booked": 1, "key_reused": 11}
    sound()


@pytest.mark.parametrize("is_batched", [False, True])
def test_a_float_for_three_sales_pays_three(is_batched: bool) -> None:
    shop = open_shop(float_fen=2_400, matures_days=0)
    wallets = [shop.wallet() for _ in range(24)]

    def sell(n: int) -> list[Any]:
        mine = [
            shop.draft(wallet, 10_000, event_at=timezone.now())
            for wallet in (wallets if is_batched else wallets[n : n + 1])
        ]
        return bills.post(mine, caller=shop.caller, actor=TEST)

    answers = [outcome for part in together(6 if is_batched else 12, sell) for outcome in part]
    assert statuses(answers)["booked"] == 3
    assert statuses(answers)["float_exhausted"] == len(answers) - 3
    sound()


def test_batches_over_the_same_wallets_in_any_order_never_deadlock() -> None:
    shop = open_shop(float_fen=10_000_000, matures_days=0)
    wallets = [shop.wallet() for _ in range(30)]

    def sell(n: int) -> list[Any]:
        order = wallets[n:] + wallets[:n] if n % 2 else wallets[::-1]
        drafts = [
            shop.draft(wallet, 1_000, event_at=timezone.now(), spend_points=10 * (n % 3 == 0)) for wallet in order
        ]
        return [bills.post(drafts, caller=shop.caller, actor=TEST) for _ in range(3)]

    answers = together(8, sell)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    sound()


def test_of_ten_voids_one_wins_and_the_others_say_why() -> None:
    shop = open_shop(matures_days=7)
    sale = post(shop, shop.wallet(), 10_000)
    answers = together(
        10,
        lambda n: bills.void(
            sale_id=sale.sale_id,
            outlet_id=shop.outlet.outlet_id,
            caller=shop.caller,
            key=f"v{n}",
            body="",
            actor=TEST,
            at=timezone.now(),
        ),
    )
    assert statuses(answers) == {"booked": 1, "already_void": 9}
    sound()


def test_void_against_spend_of_the_same_points() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    for _ in range(5):
        wallet = shop.wallet()
        sale = post(shop, wallet, 10_000)

        def act(n: int, sale: Any = sale, wallet: Wallet = wallet) -> Any:
            if n % 2:
                return post(shop, wallet, 0, spend_points=500)
            return bills.void(
                sale_id=sale.sale_id,
                outlet_id=shop.outlet.outlet_id,
                caller=shop.caller,
                key=f"v{n} {wallet.pk}",
                body="",
                actor=TEST,
                at=timezone.now(),
            )

        assert statuses(together(6, act))["booked"] == 1
    sound()


def hold(shop: Shop, wallet: Wallet, points: int, **more: Any) -> Any:
    """Set points aside by the real clock."""
    facts: dict[str, Any] = {"key": f"{threading.get_ident()} {timezone.now()}", "body": "", **more}
    return holds.place(
        outlet=shop.outlet, terms=shop.terms, wallet_id=wallet.pk, points=points, bill_fen=points, caller=shop.caller,
        actor=TEST, at=timezone.now(), **facts,
    )  # fmt: skip


def capture(shop: Shop, hold_id: int, points: int, paid: int = 0) -> Any:
    bill = shop.draft(0, paid, spend_points=points, event_at=timezone.now())
    return holds.capture(hold_id=hold_id, bill=bill, caller=shop.caller, actor=TEST)


def test_of_fifty_captures_of_a_hold_one_wins() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=500)
    held = hold(shop, wallet, 100).sale_id
    answers = together(50, lambda n: capture(shop, held, 100 - n % 3, paid=n))
    assert statuses(answers) == {"booked": 1, "hold_closed": 49}
    sound()


def test_capture_against_release_one_of_them_wins() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    for _ in range(5):
        held = hold(shop, shop.wallet(points=500), 100).sale_id

        def act(n: int, held: int = held) -> Any:
            if n % 2:
                return capture(shop, held, 100)
            return holds.release(
                hold_id=held, outlet_id=shop.outlet.outlet_id, caller=shop.caller, key=f"r {held} {n}", body="",
                actor=TEST, at=timezone.now(),
            )  # fmt: skip

        assert statuses(together(8, act)) == {"booked": 1, "hold_closed": 7}
    sound()


def test_capture_against_time_out_the_hold_ends_once() -> None:
    """All of them in the very second in which the time runs out: each hold is captured or given back, never both."""
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallets = [shop.wallet(points=200) for _ in range(10)]
    placed = [hold(shop, wallet, 100).sale_id for wallet in wallets]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE points_hold DISABLE TRIGGER points_immutable")
        cursor.execute("UPDATE points_hold SET ends_at = clock_timestamp() + interval '1.5 seconds'")
        cursor.execute("ALTER TABLE points_hold ENABLE TRIGGER points_immutable")
    ends_at = Hold.objects.order_by("-ends_at")[0].ends_at

    def act(n: int) -> Any:
        if n >= len(placed):
            while timezone.now() < ends_at:
                time.sleep(0.001)
            return [holds.release_overdue(at=timezone.now()) for _ in range(3)]
        while timezone.now() < ends_at - timedelta(milliseconds=20 - 4 * n):
            time.sleep(0.001)
        return capture(shop, placed[n], 100)

    answers = together(len(placed) + 2, act)
    holds.release_overdue(at=timezone.now())
    states = {row.pk: row.state for row in Hold.objects.all()}
    for number, answer in zip(placed, answers, strict=False):
        assert (answer.code, states[number]) in ((None, Hold.State.CAPTURED), ("hold_expired", Hold.State.LAPSED)), (
            answer
        )
    assert sum(answer.code is None for answer in answers[: len(placed)]) == sum(
        state == Hold.State.CAPTURED for state in states.values()
    )
    sound()


def test_hold_against_spend_never_more_than_the_balance() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    post(shop, wallet, 20_000)  # 1,000 points
    answers = together(
        30, lambda n: hold(shop, wallet, 100, key=f"h{n}") if n % 2 else post(shop, wallet, 0, spend_points=100)
    )
    assert statuses(answers) == {"booked": 10, "points_short": 20}
    row = Wallet.objects.get(pk=wallet.pk)
    assert (row.available, row.balance) == (0, row.held)
    sound()


def test_of_twenty_twins_of_a_hold_one_is_placed() -> None:
    shop = open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet(points=500)
    answers = together(20, lambda _n: hold(shop, wallet, 100, key="same"))
    assert (statuses(answers), len({answer.sale_id for answer in answers})) == ({"booked": 20}, 1)
    assert Wallet.objects.get(pk=wallet.pk).held == 100
    sound()


def test_holds_time_out_and_expiry_run_beside_spends() -> None:
    shop = open_shop(float_fen=1_000_000, matures_days=0, spend_share_bps=10_000)
    wallets = [shop.wallet(points=500) for _ in range(6)]
    on = NOON.date()

    def act(n: int) -> Any:
        if n == 0:
            return [holds.release_overdue(at=timezone.now()) for _ in range(10)]
        if n == 1:
            return [expiry.mature(on) + expiry.expire(on) for _ in range(2)]
        done = []
        for wallet in wallets:
            held = hold(shop, wallet, 20, key=f"{n} {wallet.pk}")
            done.append(post(shop, wallet, 500, spend_points=5))
            done.append(capture(shop, held.sale_id, 10 + n, paid=300) if held.sale_id else held)
        return done

    answers = together(8, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert Hold.objects.open().count() == 0
    sound()


def test_two_tills_scan_the_same_code() -> None:
    wallet = accounts.open_wallet(NOON)
    identify.open_pass(wallet.pk, NOON)
    code = identify.show_code(wallet.pk, NOON).digits
    answers = together(8, lambda _n: identify.by_code(code, NOON))
    found = [answer for answer in answers if isinstance(answer, identify.Found)]
    assert len(found) == 1
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {"code_used"}


def test_parallel_guesses_of_a_pin_share_five_tries() -> None:
    wallet = accounts.open_wallet(NOON)
    identify.open_pass(wallet.pk, NOON)
    identify.set_pin(wallet_id=wallet.pk, pin="135791", actor=TEST, at=NOON)
    answers = together(12, lambda n: identify.check_pin(wallet.pk, f"00{n:04d}", NOON))
    codes = Counter(answer.code for answer in answers)
    assert codes["pin_wrong"] <= 4
    assert codes["pin_wrong"] + codes["pin_locked"] == 12


def test_one_bank_line_arrives_and_is_allotted_once() -> None:
    shop = open_shop(float_fen=0)
    facts = {
        "bank": "b",
        "account": "1",
        "serial": "once",
        "amount_fen": 500,
        "value_on": NOON.date(),
        "actor": TEST,
        "at": NOON,
    }
    lines = together(8, lambda _n: funding.receive(**facts).pk)
    assert len(set(lines)) == 1
    line = BankLine.objects.get(pk=lines[0])
    together(8, lambda _n: funding.allot(bank_line=line, float_id=shop.merchant.float_id, actor=TEST, at=NOON))
    assert shop.float_fen == 500
    sound()


def test_roll_up_close_maturing_and_expiry_run_beside_sales() -> None:
    shops = [open_shop(float_fen=1_000_000, matures_days=days, spend_share_bps=10_000) for days in (0, 7)]
    wallets = [shops[0].wallet(points=200) for _ in range(8)]
    on = NOON.date()

    def act(n: int) -> Any:
        if n == 0:
            return [rollup.run() for _ in range(20)]
        if n == 1:
            return [closing.close(on.replace(day=1), now=None) for _ in range(3)]
        if n == 2:
            return [expiry.mature(on) + expiry.expire(on) for _ in range(2)]
        drafts = [
            shops[n % 2].draft(wallet, 500, event_at=timezone.now(), spend_points=20 * (n % 3 == 0))
            for wallet in wallets
        ]
        return [bills.post([draft], caller=shops[0].caller, actor=TEST) for draft in drafts]

    answers = together(10, act)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    sound()


def test_the_roll_up_waits_for_a_transaction_that_is_still_open() -> None:
    shop, other = open_shop(), open_shop()
    post(shop, shop.wallet(), 10_000)
    post(other, other.wallet(), 10_000)
    rollup.run()
    started, done = threading.Event(), threading.Event()

    def slow() -> None:
        from django.db import transaction

        with transaction.atomic():
            post(shop, shop.wallet(), 10_000)
            started.set()
            done.wait(30)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    started.wait(30)
    post(other, other.wallet(), 10_000)
    assert rollup.run() == 0  # what came later is not stepped over either
    done.set()
    thread.join()
    assert rollup.run() == 2
    sound()


def test_fifty_sales_on_one_budget_give_exactly_what_it_holds() -> None:
    """Bonuses of 80 out of 2,000: 25 sales get it whole, none is lost; the rule's own limit likewise."""
    shop = open_shop(float_fen=10_000_000, matures_days=0)
    payer = ruling.budget(2_000)
    wallets = [shop.wallet() for _ in range(50)]
    ruling.rule(payer, {"kind": "rate", "bps": 100}, caps={"member": 5_000, "budget": 10_000})
    got = [answer.bonus_points for answer in together(50, lambda n: post(shop, wallets[n], 8_000))]
    assert sum(got) == 2_000 and set(got) <= {80, 0}
    sound()


def test_fifty_sales_under_one_limit() -> None:
    """Limits of a rule, of a day and of a member hold over sales that come at once; clipped, not lost."""
    shop = open_shop(float_fen=10_000_000, matures_days=0)
    mine = shop.merchant.float_id
    one, others = shop.wallet(), [shop.wallet() for _ in range(25)]
    ruling.rule(mine, {"kind": "rate", "bps": 100}, caps={"budget": 1_030})
    ruling.rule(mine, {"kind": "rate", "bps": 100}, code="member", caps={"member_day": 250})
    ruling.rule(mine, {"kind": "fixed", "points": 7}, code="first", scope={"first_visit": True})
    ruling.rule(mine, {"kind": "fixed", "points": 50}, code="stamps", scope={"stamp_every": 10})
    answers = together(50, lambda n: post(shop, one if n % 2 else others[n // 2], 8_000))
    given = Counter[str]()
    for n, answer in enumerate(answers):
        for bonus in answer.bonuses:
            given[f"{bonus.rule} {n % 2}"] += bonus.points
    assert given["evening 0"] + given["evening 1"] == 1_030
    assert (given["member 0"], given["member 1"]) == (25 * 80, 250)
    assert (given["first 0"], given["first 1"]) == (25 * 7, 7)
    assert (given["stamps 0"], given["stamps 1"]) == (0, 2 * 50)
    sound()


def test_twins_with_bonuses_get_one_answer() -> None:
    shop = open_shop(float_fen=10_000_000, matures_days=0)
    ruling.rule(ruling.budget(), {"kind": "rate", "bps": 100})
    wallet, at = shop.wallet(), timezone.now()
    answers = together(8, lambda _n: post(shop, wallet, 8_000, at, key="one", body="one"))
    assert {(a.sale_id, a.bonus_points, a.balance_after) for a in answers} == {(answers[0].sale_id, 80, 480)}
    assert sum(not a.replayed for a in answers) == 1
    sound()


def test_batches_with_bonuses_in_transactions_do_not_block_each_other() -> None:
    """Opposite orders of members and merchants, several payers: locked in one order, whatever the order of the bills."""
    shops = [open_shop(float_fen=10_000_000, matures_days=0) for _ in range(3)]
    wallets = [shops[0].wallet() for _ in range(12)]
    for shop in shops:
        ruling.rule(shop.merchant.float_id, {"kind": "rate", "bps": 100}, code=f"own{shop.merchant.float_id}")
    ruling.rule(ruling.budget(1_000), {"kind": "rate", "bps": 50}, caps={"member": 5_000, "budget": 900})

    def act(n: int) -> list[Any]:
        chance = random.Random(n)
        drafts = [chance.choice(shops).draft(wallet, 4_000, event_at=timezone.now()) for wallet in wallets * 2]
        chance.shuffle(drafts)
        with transaction.atomic():
            return bills.post(drafts, caller=shops[0].caller, actor=TEST)

    answers = together(8, act)
    assert [repr(each) for each in answers if isinstance(each, Exception)] == []
    assert sum(b.points for batch in answers for o in batch for b in o.bonuses if b.rule == "evening") == 900
    sound()
