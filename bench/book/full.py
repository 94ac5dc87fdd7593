"""A book as the desks of finance see it after a year, of any size: rows written past the verbs, set by set.

It is not lawful (histories are short, sums are made up): only as many rows as at full size, spread as there. For reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.book.world import run

WALLET_0 = 1_000_000_000
MERCHANT_0 = 10_000_000
CENTRES = 64
# One statement of so many lines.
LONG = 50_000

# The foreign keys stand aside while rows come in, and stay known to the planner.
_KEYS_OFF = """
CREATE TABLE bench_key AS SELECT conrelid::regclass::text AS t, conname AS c, pg_get_constraintdef(oid) AS d FROM pg_constraint
  WHERE contype = 'f' AND conparentid = 0 AND conrelid::regclass::text ~ '^(points|merchants|alliance|members)_';
DO $$ DECLARE k record; BEGIN FOR k IN SELECT * FROM bench_key LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', k.t, k.c); END LOOP; END $$;
"""
_KEYS_ON = """
DO $$ DECLARE k record; BEGIN FOR k IN SELECT * FROM bench_key LOOP EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', k.t, k.c, k.d); END LOOP; END $$;
DROP TABLE bench_key;
"""

# Of merchant g: float m0+7g, proceeds +1, spending fees +2, promotion +3, rest +4, in payout +5, retained +6.
_MERCHANTS = """
SELECT points_make_partitions((now() - interval '3 months')::date, (now() + interval '3 months')::date);
INSERT INTO points_account (id, kind, owner_no, title) SELECT {m0} - {centres} + row_number() OVER (ORDER BY id) - 1, 7, id, name FROM alliance_unit WHERE kind = 'centre';
INSERT INTO points_account (id, kind, owner_no, title, balance, closed_on) SELECT {m0} + 7 * g, 3, g, 'm', 1000 + (g * 7919::bigint) % 900000, current_date - 1 FROM generate_series(0, {merchants} - 1) g;
INSERT INTO points_account (id, kind, owner_no, title, float_id, balance)
  SELECT {m0} + 7 * g + k, (ARRAY[4, 6, 12, 0, 13, 14])[k], g, 'm', {m0} + 7 * g, (g * 104729::bigint) % (CASE k WHEN 1 THEN 500000 WHEN 5 THEN 100000 ELSE 1000 END)
  FROM generate_series(0, {merchants} - 1) g, generate_series(1, 6) k WHERE k <> 4 AND (k < 6 OR g % 100 = 0);
INSERT INTO points_terms (id, float_id, proceeds_id, fee_rest_id, promo_id, version, rate_bps, member_bps, fee_bps, centre_bps, promo_bps,
    spend_fee_bps, spend_share_bps, matures_days, holdback_days, valid_from)
  SELECT g + 1, {m0} + 7 * g, {m0} + 7 * g + 1, {m0} + 7 * g + 2, {m0} + 7 * g + 3, 1, 800, 6250, 1875, 1250, 0, 100, 10000, 7, 7, '2000-01-01' FROM generate_series(0, {merchants} - 1) g;
INSERT INTO points_account (id, kind, terms_id, centre_id, float_id)
  SELECT {m0} + 7 * g + 4, 5, g + 1, {m0} - {centres} + g % {centres}, {m0} + 7 * g FROM generate_series(0, {merchants} - 1) g;
INSERT INTO points_split (account_id, total, buffer, closed_on) SELECT {m0} + 7 * g + 4, 1000, 1000, current_date - 1 FROM generate_series(0, {merchants} - 1) g;
INSERT INTO merchants_merchant (id, name, short_name, kind, contact_phone, state, state_since, live_at, float_id, proceeds_id, fee_rest_id, opened_at, is_synthetic, centre_id, trade_id)
  SELECT g + 1, '巷口商行' || g || '有限公司', '巷口' || g, 'partner', '+8613900000000', 'live', now() - interval '1 year', now() - interval '1 year',
    {m0} + 7 * g, {m0} + 7 * g + 1, {m0} + 7 * g + 2, now() - interval '1 year', true, c.ids[1 + g % {centres}], t.ids[1 + g % cardinality(t.ids)]
  FROM generate_series(0, {merchants} - 1) g, (SELECT array_agg(id ORDER BY id) AS ids FROM alliance_unit WHERE kind = 'centre') c, (SELECT array_agg(id ORDER BY id) AS ids FROM alliance_trade) t;
INSERT INTO merchants_outlet (id, name, address, district, lng, lat, hours, phone, centre_account_id, state, is_test, opened_at, centre_id, city_id, merchant_id)
  SELECT id, short_name, '', '', 100, 30, '', '', {m0} - {centres} + (id - 1) % {centres}, 'open', false, opened_at, centre_id, (SELECT min(id) FROM alliance_city), id FROM merchants_merchant;
INSERT INTO merchants_payoutaccount (merchant_id, bank_name, holder, number_sealed, number_tail, number_fingerprint, state, asked_at, asked_by, valid_from, returned_at)
  SELECT id, '工商银行', name, '\\x00', '4711', decode(md5(id::text), 'hex'), 'current', now() - interval '300 days', 'system:bench',
    CASE WHEN id % 400 = 1 THEN now() + interval '2 days' ELSE now() - interval '300 days' END, CASE WHEN id % 900 = 2 THEN now() - interval '1 day' END
  FROM merchants_merchant WHERE id % 37 <> 5;
"""
_WALLETS = """
INSERT INTO points_wallet (id, balance, opened_at, credit, rewarded) SELECT {w0} + g, 1000 + g % 5000, now() - interval '1 year', CASE g % 6 WHEN 0 THEN 0 ELSE 100 + g % 900 END, CASE g % 6 WHEN 1 THEN 50 ELSE 0 END
  FROM generate_series({first}, {last}) g;
"""
_COLUMNS = """outlet_id, booked_at, id, wallet_id, float_id, terms_id, reverses_id, event_at, booked_on, bill_fen, paid_fen, eligible_fen, rebate_fen, points, rest, spent_points, spend_fee,
  rate_bps, member_bps, spend_fee_bps, kind, reason, actor, reference"""
# Sales of 35 days by a drawn merchant; every second one was paid in points in part, every hundredth came back late.
# The first merchant sells nothing but what its long statement has.
_SALES = """
CREATE TEMP TABLE s AS SELECT g, CASE WHEN {is_long} THEN 0 ELSE 1 + floor(({merchants} - 1) * power((hashint8(g)::bigint + 2147483648) / 4294967296.0, 2))::bigint END AS m,
  {w0} + (hashint8(g + 7)::bigint + 2147483648) % {wallets} AS w,
  CASE WHEN {is_long} THEN {yesterday} + (g - {first}) * (interval '23 hours' / {long}) ELSE now() - interval '35 days' + g * (interval '35 days' / {sales}) END AS at,
  CASE WHEN {is_long} OR g % 2 = 0 THEN 400 ELSE 0 END AS spent FROM generate_series({first}, {last}) g;
INSERT INTO points_sale ({columns})
  SELECT m + 1, at, {j0} + g, w, {m0} + 7 * m, m + 1, NULL, at, (at AT TIME ZONE 'Asia/Shanghai')::date, 10000 + spent, 10000, 10000, 800, 500, 300, spent, spent / 100, 800, 6250, 100, 1, 0, 'till:1', ''
  FROM s
  UNION ALL
  SELECT m + 1, at, {j0} + 500000000 + g, w, {m0} + 7 * m, m + 1, {j0} + g, at, (at AT TIME ZONE 'Asia/Shanghai')::date, -10000, -10000, -10000, -800, -500, -300, 0, 0, 800, 6250, 100, 3, 0, 'till:1', ''
  FROM s WHERE g % 100 = 1 AND m > 0;
INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor, debit_id, credit_id, points, rest_id, rest, matures_on, expires_on, due_on, balance_after)
  SELECT w % 64, w, at, 2 * g, 3 * {j0} + 2 * g, {j0} + g, 1, at, (at AT TIME ZONE 'Asia/Shanghai')::date, m + 1, 'till:1', {m0} + 7 * m, w, 500, {m0} + 7 * m + 4, 300, at::date + 7, at::date + 730, at::date + 7, 500 FROM s
  UNION ALL
  SELECT w % 64, w, at, 2 * g + 1, 3 * {j0} + 2 * g + 1, {j0} + g, 2, at, (at AT TIME ZONE 'Asia/Shanghai')::date, m + 1, 'till:1', w, {m0} + 7 * m + 1, 396, {m0} + 7 * m + 2, 4, NULL, NULL, at::date + 7, 500 FROM s WHERE spent > 0;
INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
  SELECT w % 64, w, at, 3 * {j0} + 2 * g + 1, at::date + 700, {m0} + 7 * ((hashint8(g + 3)::bigint + 2147483648) % {merchants}), at::date + 700, 400 FROM s WHERE spent > 0;
INSERT INTO points_refund (refund_id, sale_id, n, wallet_id, float_id, is_late, is_cash_given, cash_fen, keep_back_fen, claimed, from_fee, from_proceeds, from_float, advanced, promised,
    fee_lacking, taken, short, rest_back, rest_due, credit_charged, unpromised, unpromised_rest, lapsed)
  SELECT {j0} + 500000000 + g, {j0} + g, 1, w, {m0} + 7 * m, true, true, 10000, 0, 0, 0, 0, 0, 0, 0, 0, 400, 100, 0, 300, 0, 0, 0, 0 FROM s WHERE g % 100 = 1 AND m > 0;
DROP TABLE s;
"""
# What a year of refunds, bills, top-ups and clearings leaves: nearly all is done, a little is open.
_MEMOS = """
CREATE TEMP TABLE r AS SELECT refund_id, sale_id, wallet_id, float_id, row_number() OVER () AS n, now() - interval '300 days' * ((hashint8(refund_id)::bigint + 2147483648) / 4294967296.0) AS at FROM points_refund;
INSERT INTO points_claim (refund_id, why, debtor_id, creditor_id, points, repaid, made_at)
  SELECT refund_id, CASE n % 4 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 2 END, CASE WHEN n % 4 = 0 THEN wallet_id ELSE float_id END, CASE WHEN n % 4 = 0 THEN float_id ELSE 4 END, 300, CASE WHEN n % 100 = 7 THEN 0 ELSE 300 END, at
  FROM r, generate_series(1, 10);
INSERT INTO points_due (account_id, refund_id, to_id, amount, paid, taken_on, made_at)
  SELECT float_id + 4, refund_id, float_id, 300, CASE WHEN n % 50 = 3 THEN 0 ELSE 300 END, CASE WHEN n % 50 = 3 THEN NULL ELSE at::date + 1 END, at FROM r, generate_series(1, 10);
INSERT INTO points_return_due (refund_id, wallet_id, float_id, transfer_id, lapses_on, funder_id, expires_on, points, issued, made_at)
  SELECT refund_id, wallet_id, float_id, sale_id, current_date + 300, float_id, current_date + 300, 400, CASE WHEN n % 300 = 5 THEN 0 ELSE 400 END, at FROM r WHERE n % 3 <> 0;
DROP TABLE r;
INSERT INTO points_credit_line (float_id, limit_fen, owed_fen, period, due_days, drop_days, state, opened_at, changed_at)
  SELECT {m0} + 7 * g, 100000, CASE WHEN g % 3 = 0 THEN (g * 104729::bigint) % 100000 ELSE 0 END, 1, 5, 30, 1, now() - interval '1 year', now() - interval '1 year' FROM generate_series(0, {merchants} - 1, 20) g;
INSERT INTO points_bill (float_id, from_on, until_on, due_on, drop_on, drawn_at, sales, amount_fen, open_fen, paid_fen)
  SELECT {m0} + 7 * g, d - 7, d - 1, d + 4, d + 35, d, 5, 5000, CASE WHEN k = 0 AND g % 3 = 0 THEN 5000 ELSE 0 END, CASE WHEN k = 0 AND g % 3 = 0 THEN 0 ELSE 5000 END
  FROM generate_series(0, {merchants} - 1, 20) g, generate_series(0, 51) k, LATERAL (SELECT current_date - 3 - 7 * k AS d) x;
INSERT INTO alliance_event (verb, subject, actor, at, facts, unit_id) SELECT 'bill.reminded', 'points.merchantbill:' || id, 'system:bench', drawn_at, '{{}}', NULL FROM points_bill;
INSERT INTO points_account_day (account_id, booked_on, due_on, amount, n)
  SELECT {m0} + 7 * g + k, current_date - d, current_date - d + 7, CASE k WHEN 0 THEN -1 ELSE 1 END * ((g * 31 + d * 7) % 20000 + 1), 3 FROM generate_series(0, {merchants} - 1) g, generate_series(0, 19) d, generate_series(0, 1) k;
INSERT INTO points_flow_day (booked_on, class, is_back, cohort_on, origin, points, n)
  SELECT current_date - d, k, false, (date_trunc('quarter', current_date - d - 90 * a) + interval '27 months - 1 day')::date, o, CASE k WHEN 1 THEN 10000000 ELSE -1000000 END, 1000
  FROM generate_series(0, 1000) d, generate_series(1, 3) k, generate_series(0, 7) a, generate_series(0, 2) o WHERE (k = 2 OR o = 0) AND (k > 1 OR a = 0) ON CONFLICT DO NOTHING;
INSERT INTO points_bank_line (bank, account, serial, amount_fen, value_on, payer, memo, received_at, journal_id, allotted_to_id, allotted_at, allot_journal_id)
  SELECT 'bench', '1', 'C' || g, 10000 + g % 5000, (now() - t)::date, '巷口商行' || g % {merchants} || '有限公司', 'float', now() - t, 4 * {j0} + g,
    CASE WHEN g >= 400 THEN {m0} + 7 * (g % {merchants}) END, CASE WHEN g >= 400 THEN now() - t END, CASE WHEN g >= 400 THEN 5 * {j0} + g END
  FROM generate_series(0, 4 * {merchants} - 1) g, LATERAL (SELECT interval '360 days' * g / (4 * {merchants}) AS t) x;
INSERT INTO merchants_topup (merchant_id, amount_fen, state, asked_at, asked_by, booked_at, bank_line_id, approval_id)
  SELECT 1 + (id % {merchants}), amount_fen, 'booked', received_at, 'system:bench', received_at, id, -id FROM points_bank_line WHERE allotted_to_id IS NOT NULL;
INSERT INTO merchants_topup (merchant_id, amount_fen, state, asked_at, asked_by) SELECT 1 + g % {merchants}, 10000 + g, 'announced', now() - interval '1 day', 'system:bench' FROM generate_series(1, 3000) g;
INSERT INTO alliance_approval (kind, subject, facts, state, asked_at, decided_at, reason, asked_by_id, decided_by_id, unit_id)
  SELECT 'merchants.topup', 'merchants.topup:' || g, '{{"name": "巷口", "amount_fen": 10000, "serial": "C"}}', CASE WHEN g < 200 THEN 'waiting' ELSE 'approved' END, now() - interval '1 minute' * g,
    CASE WHEN g < 200 THEN NULL ELSE now() END, '', u.a, CASE WHEN g < 200 THEN NULL ELSE u.b END, (SELECT min(id) FROM alliance_unit)
  FROM generate_series(1, 2 * {merchants}) g, (SELECT min(id) AS a, max(id) AS b FROM alliance_user) u;
UPDATE points_account SET balance = 10000000000 WHERE id IN (4, 5);
"""
# A clearing day, k days before yesterday: statements, their payouts, the bank's file with a line for each.
_CLEARED = """
INSERT INTO points_clearing (cleared_on, started_at, finished_at, minimum_fen, actor) SELECT current_date - 1 - {k}, now() - interval '{k} days', now() - interval '{k} days', 100, 'system:bench';
INSERT INTO points_statement (cleared_on, account_id, since_on, opening_fen, proceeds_fen, returned_fen, retained_fen, paid_fen, closing_fen, free_fen, journal_id, mark, xid, booked_at)
  SELECT current_date - 1 - {k}, {m0} + 7 * g + 1, current_date - 2 - {k}, 0, 5000, 0, 0, 4900, 100, 5000, 6 * {j0} + {k} * 10000000 + g, pg_current_xact_id()::text::bigint, pg_current_xact_id()::text::bigint, now() - interval '{k} days'
  FROM generate_series(0, {merchants} - 1) g;
INSERT INTO merchants_payoutrun (id, state, state_since, through, payouts, amount_fen, bank_format, filed_on, content, digest)
  SELECT {k}, 'filed', now(), 1000000000, {merchants}, 1, 'plain', current_date - {k}, '\\x00', '' WHERE {k} > 0;
INSERT INTO points_payout (account_id, source_id, statement_id, amount_fen, state, run_no, opened_at, journal_id, ended_at, end_journal_id, returned_at, return_journal_id)
  SELECT z.account_id + 4, z.account_id, z.id, 4900 + z.account_id % 1000, s.state, CASE WHEN s.state > 1 THEN {k} END, z.booked_at, z.journal_id, CASE WHEN s.state > 3 THEN z.booked_at END, CASE WHEN s.state > 3 THEN z.journal_id END,
    CASE WHEN s.state = 5 THEN z.booked_at END, CASE WHEN s.state = 5 THEN z.journal_id END
  FROM points_statement z, LATERAL (SELECT CASE WHEN {k} = 0 THEN 1 WHEN {k} = 1 THEN 3 WHEN z.id % 200 = 0 THEN 5 ELSE 4 END AS state) s WHERE z.cleared_on = current_date - 1 - {k} AND z.id % 20 > 0;
INSERT INTO merchants_payoutline (run_id, payout_id, payout_account_id, code, amount_fen) SELECT {k}, p.id, coalesce(a.id, 0), 'LH' || p.id, p.amount_fen
  FROM points_payout p JOIN merchants_merchant m ON m.proceeds_id = p.source_id LEFT JOIN merchants_payoutaccount a ON a.merchant_id = m.id WHERE p.run_no = {k};
INSERT INTO points_bank_statement (id, bank, account, from_on, to_on, opening_fen, closing_fen, lines, digest, booked_at, actor)
  SELECT {k}, 'bench', '1', current_date - {k}, current_date - {k}, 0, 0, {merchants}, sha256('{k}'), now() - interval '{k} days', 'system:bench' WHERE {k} > 1;
INSERT INTO points_bank_line (bank, account, serial, amount_fen, value_on, payer, memo, received_at, journal_id, allotted_to_id, allotted_at, allot_journal_id, statement_id, payout_id)
  SELECT 'bench', '1', 'P' || id, -amount_fen, current_date - {k}, 'x', 'LH' || id, ended_at, journal_id, account_id, ended_at, journal_id, {k}, id FROM points_payout WHERE run_no = {k} AND state IN (4, 5);
INSERT INTO points_bank_line (bank, account, serial, amount_fen, value_on, payer, memo, received_at, journal_id, allotted_to_id, allotted_at, allot_journal_id, statement_id)
  SELECT 'bench', '1', 'U{k}-' || g, -100 - g, current_date - {k}, 'x', 'who', now() - interval '{k} days', 7 * {j0} + g, 3, now(), 7 * {j0} + g, {k} FROM generate_series(1, 20) g WHERE {k} > 1;
"""
_DISPUTES = """
INSERT INTO points_retention (id, source_id, wanted_fen, held_fen, opened_at, decided_at, decided_to_id)
  SELECT n, account_id, 500, 500, booked_at, CASE WHEN n % 50 > 0 THEN booked_at END, CASE WHEN n % 50 > 0 THEN account_id END FROM (SELECT *, row_number() OVER () AS n FROM points_statement WHERE id % 40 = 9) z;
INSERT INTO merchants_dispute (amount_fen, reason, state, state_since, opened_at, opened_by, merchant_id, retention_id, statement_id)
  SELECT 500, 'bench', CASE WHEN n % 50 > 0 THEN 'returned' ELSE 'open' END, booked_at, booked_at, 'system:bench', (account_id - 1 - {m0}) / 7 + 1, n, id FROM (SELECT *, row_number() OVER () AS n FROM points_statement WHERE id % 40 = 9) z;
UPDATE points_mark SET xid = pg_current_xact_id()::text::bigint, moved_at = now();
SELECT setval(pg_get_serial_sequence(t, 'id'), 100000000) FROM unnest(ARRAY['points_bank_statement', 'points_retention', 'merchants_payoutrun', 'merchants_merchant', 'merchants_outlet', 'points_terms']) t;
SELECT setval('points_account_id', 2000000000), setval('points_transfer_id', 900000000000);
"""
J0 = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Size:
    merchants: int
    wallets: int
    sales: int
    days: int
    long: int = LONG

    @property
    def facts(self) -> dict[str, int | str]:
        yesterday = "((current_date - 1)::timestamp AT TIME ZONE 'Asia/Shanghai')"
        return {
            "merchants": self.merchants, "wallets": self.wallets, "sales": self.sales, "long": self.long,
            "m0": MERCHANT_0, "w0": WALLET_0, "j0": J0, "centres": CENTRES, "yesterday": yesterday, "columns": _COLUMNS,
        }  # fmt: skip


def write(size: Size) -> Iterator[str]:
    """Write the book; yield what is done. The units, trades and two people of the console are there already."""
    run(_KEYS_OFF)
    yield "keys off"
    run(_MERCHANTS.format(**size.facts))
    yield "merchants"
    for first in range(0, size.wallets, 1_000_000):
        run(_WALLETS.format(first=first, last=min(first + 1_000_000, size.wallets) - 1, **size.facts))
    yield "wallets"
    for first in range(0, size.sales, 500_000):
        run(_SALES.format(first=first, last=min(first + 500_000, size.sales) - 1, is_long="false", **size.facts))
    run(_SALES.format(first=size.sales, last=size.sales + size.long - 1, is_long="true", **size.facts))
    yield "sales"
    run(_MEMOS.format(**size.facts))
    yield "memos"
    for k in range(size.days):
        run(_CLEARED.format(k=k, **size.facts))
    run(_DISPUTES.format(**size.facts))
    yield "clearings"
    run(_KEYS_ON)
    # Each alone: VACUUM stands in no transaction.
    run("VACUUM ANALYZE")
    yield "vacuum"
