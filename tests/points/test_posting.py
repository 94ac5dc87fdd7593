"""One function for one bill and for many: both alike, with plans that never scan the keys."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection

from points import bills, partitions
from points.models import Key, Lot, Sale, Transfer, Wallet
from tests.points.shops import NOON, TEST, open_shop


def trace(n: int) -> list[Any]:
    """Return everything that bills left behind, without numbers that a sequence gave."""
    wallets = {pk: number for number, pk in enumerate(Wallet.objects.order_by("-pk").values_list("pk", flat=True)[:n])}
    rows = [
        (
            wallets[t.wallet_id],
            t.seq,
            t.kind,
            t.points,
            t.rest,
            t.balance_after,
            t.matures_on,
            t.expires_on,
            t.due_on,
            t.booked_on,
            t.booked_at,
        )
        for t in Transfer.objects.filter(wallet_id__in=wallets)
    ]
    sales = [
        (
            wallets[s.wallet_id],
            s.booked_at,
            s.bill_fen,
            s.points,
            s.rest,
            s.spent_points,
            s.spend_fee,
            s.reason,
            s.booked_on,
        )
        for s in Sale.objects.filter(wallet_id__in=wallets)
    ]
    lots = [
        (wallets[lot.wallet_id], lot.matures_on, lot.lapses_on, lot.earned, lot.remaining)
        for lot in Lot.objects.filter(wallet_id__in=wallets)
    ]
    keys = [
        (wallets[k.wallet_id], k.status, k.points, k.spent, k.rest, k.balance_after, k.available_after, k.figure)
        for k in Key.objects.filter(wallet_id__in=wallets)
    ]
    return [sorted(part, key=str) for part in (rows, sales, lots, keys)]


@pytest.mark.parametrize("at_event", [False, True])
@pytest.mark.parametrize("matures_days", [0, 7])
def test_a_batch_leaves_the_same_behind_as_its_bills_one_by_one(db: None, matures_days: int, at_event: bool) -> None:
    left = []
    for is_batched in (True, False):
        chance = random.Random(7)
        shop = open_shop(float_fen=9_000, matures_days=matures_days, spend_share_bps=10_000)
        wallets = [shop.wallet() for _ in range(5)]
        drafts = [
            shop.draft(
                chance.choice(wallets),
                chance.randrange(1, 9_000),
                spend_points=chance.choice([0, 0, 90, 400]),
                event_at=NOON,
            )
            for _ in range(60)
        ]
        drafts += drafts[:4]
        calls = [drafts] if is_batched else [[draft] for draft in drafts]
        outcomes = [
            outcome
            for call in calls
            for outcome in bills.post(call, caller=shop.caller, actor=TEST, now=NOON, at_event=at_event)
        ]
        answers = [
            (
                o.status,
                o.code,
                o.replayed,
                o.points,
                o.spent_points,
                o.rest,
                o.balance_after,
                o.available_after,
                o.figure,
            )
            for o in outcomes
        ]
        left.append((answers, trace(5)))
    assert left[0][0] == left[1][0]
    assert left[0][1] == left[1][1]
    assert {"booked", "without_points", "refused"} == {answer[0] for answer in left[0][0]}


def test_one_bill_through_the_batch_function_is_the_same(db: None) -> None:
    shop = open_shop()
    draft = shop.draft(shop.wallet(), 10_000)
    with connection.cursor() as cursor:
        arguments = [
            shop.caller.number,
            shop.caller.id,
            "x",
            *bills._arrays([draft]),
            NOON,
            False,
            False,
        ]
        cursor.execute(bills._POST, arguments)
        (row,) = cursor.fetchall()
    (again,) = bills.post([draft], caller=shop.caller, actor=TEST)
    assert again.replayed
    assert row[:7] == (1, 0, False, again.sale_id, again.booked_at, 500, 0)


@pytest.mark.law
@pytest.mark.django_db(transaction=True)
def test_no_plan_of_a_batch_scans_the_keys() -> None:
    """With other plans the look-up of keys once became a scan of all of them, growing without bound."""
    shop = open_shop(float_fen=1_000_000)
    wallet = shop.wallet()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, status) SELECT %s, %s, gen_random_uuid(), gen_random_uuid(), %s, 2"
            " FROM generate_series(1, 40000)",
            [shop.caller.number, shop.caller.id, wallet.pk],
        )
        cursor.execute("ANALYZE points_key")
        cursor.execute("SELECT pg_stat_force_next_flush()")
        before = _scans(cursor)
    for size in (1, 100, 300):
        bills.post([shop.draft(wallet, 500) for _ in range(size)], caller=shop.caller, actor=TEST)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        assert _scans(cursor) == before


def _scans(cursor: Any) -> int:
    cursor.execute("SELECT pg_stat_clear_snapshot()")
    cursor.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'points_key'")
    return cursor.fetchone()[0]


def test_a_balance_as_of_any_time_is_one_probe(db: None) -> None:
    from datetime import timedelta

    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    partitions.ahead(1, start=(NOON - timedelta(days=40)).date())
    for days in (30, 20, 10):
        at = NOON - timedelta(days=days)
        shop.sell(wallet, 10_000, event_at=at, now=at)
    with connection.cursor() as cursor:
        balances = []
        for days in (31, 30, 25, 20, 10, 0):
            cursor.execute("SELECT points_balance_as_of(%s, %s)", [wallet.pk, NOON - timedelta(days=days)])
            balances.append(cursor.fetchone()[0])
    assert balances == [0, 500, 500, 1_000, 1_500, 1_500]
