"""A year of one chain, invented straight in SQL, and a draft carried through it (`./run bench rules --backtest`).

As large as the replayed grocery year of docs/replay.md: 140,932 baskets, 1.44 million lines, 2,469 households.
"""

from __future__ import annotations

import resource
import time
from datetime import datetime, timedelta
from typing import Any

BASKETS, LINES, HOUSEHOLDS, PRODUCTS, OUTLETS = 140_932, 10.2, 2_469, 26_000, 457
GOAL_SECONDS = 120
FILL = """
SELECT setseed(0.5);
INSERT INTO stores_product (id, catalogue, code, name, department, category, brand, package, is_excluded, is_synthetic)
  SELECT n, 'bench', n::text, 'product ' || n, 'department ' || n % 30, 'category ' || n % 300, '', '', false, true
  FROM generate_series(1, {products}) n;
CREATE TEMP TABLE basket AS
  SELECT n AS id, 1 + floor(random() * {outlets})::int AS outlet, {wallet} + floor(random() * {households})::bigint AS wallet,
    date_trunc('second', now() - interval '364 days' * (1 - n / {baskets}::float8)) AS at, 1 + floor(random() * {longest})::int AS lines
  FROM generate_series(1, {baskets}) n;
INSERT INTO stores_basketline (sale_id, line, wallet_id, sold_at, store_id, product_id, quantity, value_fen, discount_fen)
  SELECT b.id, l, b.wallet, b.at, 1, 1 + floor({products} * random() * random())::int, 1 + floor(random() * 2)::int,
    100 + floor(random() * 4000)::int, 0
  FROM basket b, generate_series(1, b.lines) l ORDER BY b.id, l;
INSERT INTO points_sale (outlet_id, booked_at, id, wallet_id, float_id, terms_id, event_at, booked_on, bill_fen, paid_fen, eligible_fen,
    rebate_fen, points, rest, spent_points, spend_fee, rate_bps, member_bps, spend_fee_bps, kind, reason, actor, reference)
  SELECT outlet, at, id, wallet, {float}, {terms}, at, at::date, fen, fen, fen, rebate, rebate * 6250 / 10000,
    rebate - rebate * 6250 / 10000, 0, 0, {rate}, 6250, 100, 1, 0, 'system:bench', ''
  FROM (SELECT b.*, s.fen, ((s.fen::bigint * {rate} + 5000) / 10000)::int AS rebate
    FROM basket b JOIN (SELECT sale_id, sum(value_fen)::int AS fen FROM stores_basketline GROUP BY 1) s ON s.sale_id = b.id) x
  ORDER BY x.at;
ANALYZE points_sale, stores_basketline, stores_product;
"""
# One of every kind that is in force beside the draft; all but one look into the lines.
IN_FORCE: dict[str, dict[str, Any]] = {
    "evening": {"scope": {"hours": [18, 19]}, "effect": {"kind": "rate", "bps": 10}},
    "over-100": {"scope": {"basket_fen": 10_000}, "effect": {"kind": "fixed", "points": 20}},
    "fresh": {"scope": {"categories": ["category 1", "category 2"]}, "effect": {"kind": "rate", "bps": 30}},
    "first": {"scope": {"first_visit": True, "basket_fen": 5_000}, "effect": {"kind": "fixed", "points": 30}},
    "tenth": {"scope": {"stamp_every": 10, "categories": ["category 7"]}, "effect": {"kind": "fixed", "points": 25}},
}
DRAFT: dict[str, Any] = {
    "scope": {"categories": [f"category {n}" for n in range(20)], "weekdays": [0, 1, 2]},
    "effect": {"kind": "multiplier", "bps": 2_000},
}
CAPS = {"member_day": 300, "budget": 400_000}
WORDS = {"words": {"zh-hans": "测算", "en": "Bench"}}


def measure(*, is_quick: bool = False) -> dict[str, float]:
    """Fill a database, run one back-test of a year, return its figures."""
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from alliance.actors import Actor
    from alliance.models import Unit
    from points import accounts, backtesting, partitions, rules, terms
    from points.models import Account

    call_command("migrate", verbosity=0)
    baskets, actor, at = BASKETS // 20 if is_quick else BASKETS, Actor.system("bench"), timezone.now()
    year = at - timedelta(days=400)
    partitions.ahead(15, start=year.date())
    merchant = accounts.open_merchant(owner_no=1, title="chain", at=year)
    card = terms.write(merchant=merchant, version=1, rate_bps=800, valid_from=year)
    wallets = accounts.open_wallets(HOUSEHOLDS, year)
    fill = FILL.format(
        products=PRODUCTS, outlets=OUTLETS, households=HOUSEHOLDS, baskets=baskets, longest=round(2 * LINES - 1),
        wallet=min(wallets), float=merchant.float_id, terms=card.pk, rate=800,
    )  # fmt: skip
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(fill)
        cursor.execute("SELECT count(*) FROM stores_basketline")
        (lines,) = cursor.fetchone()
    filled = time.perf_counter() - started
    assert not Unit.objects.filter(parent__isnull=True).exists()
    payer = Account.objects.get(pk=accounts.open_budget(title="bench", at=year))
    for n, (code, part) in enumerate(IN_FORCE.items()):
        _in_force(code, {**part, "caps": CAPS, "priority": n, **WORDS}, payer, actor, year)
    draft = rules.draft(
        code="draft", payer=payer, definition={**DRAFT, "caps": CAPS, **WORDS}, starts_at=at, actor=actor, at=at
    )
    backtesting._hand_over = lambda _pk: None
    asked = backtesting.ask(version=draft, days=365, actor=actor, at=timezone.now())
    wall, busy = time.perf_counter(), time.process_time()
    assert backtesting.run(asked.pk)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    asked.refresh_from_db()
    assert asked.receipts == baskets and asked.touched, (asked.receipts, asked.touched)
    return {
        "baskets": baskets,
        "lines": lines,
        "filled": filled,
        "seconds": wall,
        "cpu": busy,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "touched": asked.touched,
    }


def _in_force(code: str, definition: dict[str, Any], payer: Any, actor: Any, at: datetime) -> None:
    from points import rules
    from points.models import RuleVersion

    version = rules.draft(code=code, payer=payer, definition=definition, starts_at=at, actor=actor, at=at)
    row = RuleVersion.objects.filter(pk=version.pk)
    row.update(state="submitted", submitted_by="user:1")
    row.update(state="approved", approved_by="user:2")
