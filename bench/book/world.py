"""A book of any size for measuring: wallets with a history of ten movements each, merchants with funded floats.

Written by SQL in bulk, but lawful: `verify` finds no difference before, between and after the runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

# Wallets and merchants get numbers far apart, so that scripts can reckon them.
WALLET_0 = 1_000_000_000
MERCHANT_0 = 10_000_000
CENTRES = 64
MONTHS = 29
CHUNKS = 10
OPENING = 1_000  # points per chunk: 10,000 in the end
LAPSING = 2_000  # of which lapse first, for the expiry run
FLOAT_FEN = 1_000_000_000

_ACCOUNTS = """
SELECT points_make_partitions((now() - interval '{months} months')::date, (now() + interval '3 months')::date);
INSERT INTO points_account (id, kind, owner_no, title) SELECT {m0} - {centres} + g, 7, g, 'centre' FROM generate_series(0, {centres} - 1) g;
INSERT INTO points_account (id, kind, owner_no, title) SELECT {m0} - 100, 11, 0, 'bench';
INSERT INTO points_account (id, kind, owner_no, title, balance) SELECT {m0} + 5 * g, 3, g, 'm', {fen} FROM generate_series(0, {merchants} - 1) g;
INSERT INTO points_account (id, kind, owner_no, title, float_id)
  SELECT {m0} + 5 * g + k, (ARRAY[4, 6, 12])[k], g, 'm', {m0} + 5 * g FROM generate_series(0, {merchants} - 1) g, generate_series(1, 3) k;
INSERT INTO points_terms (id, float_id, proceeds_id, fee_rest_id, promo_id, version, rate_bps, member_bps, fee_bps, centre_bps, promo_bps,
    spend_fee_bps, spend_share_bps, matures_days, holdback_days, valid_from)
  SELECT g + 1, {m0} + 5 * g, {m0} + 5 * g + 1, {m0} + 5 * g + 2, {m0} + 5 * g + 3, 1, 800, 6250, 1875, 1250, 0, 100, 10000, 7, 7, '2000-01-01'
  FROM generate_series(0, {merchants} - 1) g;
INSERT INTO points_account (id, kind, terms_id, centre_id, float_id)
  SELECT {m0} + 5 * g + 4, 5, g + 1, {m0} - {centres} + g % {centres}, {m0} + 5 * g FROM generate_series(0, {merchants} - 1) g;
-- The money: one bank line for the budget that opens the wallets, one for each float.
INSERT INTO points_bank_line (bank, account, serial, amount_fen, value_on, received_at, journal_id, allotted_to_id, allotted_at, allot_journal_id)
  SELECT 'bench', '1', g, CASE g WHEN 0 THEN {wallets}::bigint * {opening} ELSE {fen} END, now() - interval '{months} months', now() - interval '{months} months',
    nextval('points_transfer_id'), CASE g WHEN 0 THEN {m0} - 100 ELSE {m0} + 5 * (g - 1) END, now() - interval '{months} months', nextval('points_transfer_id')
  FROM generate_series(0, {merchants}) g;
INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
  SELECT -1, 0, received_at, journal_id, journal_id, journal_id, 5, received_at, value_on, 'system:bench', 1, 2, amount_fen, value_on FROM points_bank_line
  UNION ALL
  SELECT -1, 0, received_at, allot_journal_id, allot_journal_id, allot_journal_id, 6, received_at, value_on, 'system:bench', 2, allotted_to_id, amount_fen, value_on
  FROM points_bank_line;
UPDATE points_account SET balance = -(SELECT sum(amount_fen) FROM points_bank_line) WHERE id = 1;
INSERT INTO points_wallet (id, opened_at) SELECT {w0} + g, now() - interval '{months} months' FROM generate_series(0, {wallets} - 1) g;
"""

# One movement of every wallet, in a random order, over a tenth of the time: what a year of trade leaves behind.
_CHUNK = """
INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points,
    matures_on, expires_on, due_on, balance_after)
  SELECT (w % 64)::smallint, w, at, {chunk} + 1, j, j, 4, at, at::date, 'system:bench', {m0} - 100, w, {points}, at::date, CASE WHEN ({chunk} + 1) * {points} <= {lapsing} THEN current_date - 1 ELSE current_date + 700 END, at::date,
    {points} * ({chunk} + 1)
  FROM (SELECT w, nextval('points_transfer_id') AS j,
      now() - interval '{months} months' + interval '1 day' + ({chunk} + n::float8 / {wallets}) / {chunks} * interval '{days} days' AS at
    FROM (SELECT w, row_number() OVER () AS n FROM (SELECT {w0} + g AS w FROM generate_series(0, {wallets} - 1) g ORDER BY hashint8(g + {chunk})) o) r) t
"""

_FINISH = """
UPDATE points_wallet w SET balance = t.balance_after, seq = t.seq, last_at = t.booked_at FROM points_transfer t
  WHERE t.wallet_id = w.id AND t.seq = {chunks};
INSERT INTO points_lot (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
  SELECT (w % 64)::smallint, w, '2000-01-01', d, {m0} - 100, d, n, n FROM (SELECT {w0} + g AS w FROM generate_series(0, {wallets} - 1) g) w,
    (VALUES (current_date + 700, {points} * {chunks} - {lapsing}), (current_date - 1, {lapsing})) v(d, n);
"""


@dataclass(frozen=True, slots=True)
class Size:
    wallets: int
    merchants: int

    @property
    def facts(self) -> dict[str, int]:
        return {
            "wallets": self.wallets,
            "merchants": self.merchants,
            "w0": WALLET_0,
            "m0": MERCHANT_0,
            "centres": CENTRES,
            "months": MONTHS,
            "days": (MONTHS - 1) * 30,
            "chunks": CHUNKS,
            "points": OPENING,
            "opening": OPENING * CHUNKS,
            "lapsing": LAPSING,
            "fen": FLOAT_FEN,
        }


def write(size: Size) -> Iterator[float]:
    """Write the book; yield the insert rate of each tenth of the history, in rows per second."""
    run(_ACCOUNTS.format(**size.facts))
    for chunk in range(CHUNKS):
        started = time.perf_counter()
        run(_CHUNK.format(chunk=chunk, **size.facts))
        yield size.wallets / (time.perf_counter() - started)
    run(_FINISH.format(**size.facts))
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_rollup()")
    for table in (
        "points_wallet",
        "points_account",
        "points_terms",
        "points_lot",
        "points_transfer",
        "points_account_day",
    ):
        run(f"VACUUM ANALYZE {table}")


def run(statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements)
