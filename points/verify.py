"""The laws of the book, asked of the database: each answers how many rows it looked at and how many break it.

All of them are read in one snapshot, so that a living book can be checked. Zero differences, always (docs/ledger.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q

from alliance.models import Job
from points import sealing


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    rows: int
    differences: int


# The nightly run, as a job.
KIND = "points.verify"

# What each transfer did to its wallet.
_SIGNED = "CASE WHEN t.credit_id = t.wallet_id THEN t.points ELSE -(t.points + t.rest) END"

# Reads history again, so only that of the newest days unless all are asked for.
SEALED = "sealed days are as they were when they were sealed"

_LAWS: dict[str, str] = {
    "all balances and what the roll-up has not taken yet sum to zero": """
        SELECT (SELECT count(*) FROM points_wallet) + (SELECT count(*) FROM points_account), count(*) FILTER (WHERE total <> 0) FROM (
          SELECT (SELECT coalesce(sum(balance), 0) FROM points_wallet) + (SELECT sum(balance) FROM points_money)
            + (SELECT coalesce(sum(p.amount), 0) FROM points_posting p JOIN points_account a ON a.id = p.account_id AND a.kind BETWEEN 4 AND 10
                JOIN points_transfer t ON t.id = p.transfer_id AND t.booked_at = p.booked_at
                WHERE t.xid >= (SELECT xid FROM points_mark WHERE name = 'rollup')) AS total) z""",
    "a wallet is the sum of its transfers": f"""
        SELECT count(*), count(*) FILTER (WHERE w.balance <> coalesce(s.balance, 0) OR w.seq <> coalesce(s.n, 0)
            OR w.last_at IS DISTINCT FROM s.last_at)
        FROM points_wallet w FULL JOIN (
          SELECT t.wallet_id, sum({_SIGNED}) AS balance, count(*) AS n, max(t.booked_at) AS last_at
          FROM points_transfer t WHERE t.wallet_id > 0 GROUP BY 1) s ON s.wallet_id = w.id""",
    "each transfer continues the chain of its wallet": f"""
        SELECT count(*), count(*) FILTER (WHERE d <> 0 OR g <> 1 OR late) FROM (
          SELECT t.balance_after - coalesce(lag(t.balance_after) OVER w, 0) - ({_SIGNED}) AS d,
            t.seq - coalesce(lag(t.seq) OVER w, 0) AS g, coalesce(t.booked_at <= lag(t.booked_at) OVER w, false) AS late
          FROM points_transfer t WHERE t.wallet_id > 0 WINDOW w AS (PARTITION BY t.wallet_id ORDER BY t.seq)) z""",
    "a wallet is the sum of its lots, pending of its pending lots": """
        SELECT count(*), count(*) FILTER (WHERE w.balance <> coalesce(l.balance, 0) OR w.pending <> coalesce(l.pending, 0))
        FROM points_wallet w FULL JOIN (
          SELECT wallet_id, sum(remaining) AS balance, sum(remaining) FILTER (WHERE matures_on > '2000-01-01') AS pending
          FROM points_lot GROUP BY 1) l ON l.wallet_id = w.id""",
    "no account but custody is below zero, nothing is overdrawn": """
        SELECT sum(n), sum(bad) FROM (
          SELECT count(*) AS n, count(*) FILTER (WHERE balance - pending - held < 0 OR pending < 0 OR held < 0) AS bad FROM points_wallet
          UNION ALL SELECT count(*), count(*) FILTER (WHERE CASE WHEN kind = 1 THEN balance > 0 ELSE balance < 0 END) FROM points_account
          UNION ALL SELECT count(*), count(*) FILTER (WHERE balance < 0) FROM points_allowance
          UNION ALL SELECT count(*), count(*) FILTER (WHERE remaining NOT BETWEEN 0 AND earned) FROM points_lot) z""",
    "only floats have stripes, as many as they say, numbered from zero": """
        SELECT count(*), count(*) FILTER (WHERE a.id IS NULL OR a.stripes <> coalesce(s.n, 0) OR a.kind <> 3 AND a.stripes <> 0 OR s.last <> s.n - 1 OR s.first <> 0)
        FROM (SELECT id, kind, stripes FROM points_account WHERE kind = 3 OR stripes <> 0) a
        FULL JOIN (SELECT float_id, count(*) AS n, min(stripe) AS first, max(stripe) AS last FROM points_allowance GROUP BY 1) s ON s.float_id = a.id""",
    "custody covers everything that is owed": """
        SELECT 1, count(*) FROM (
          SELECT (SELECT coalesce(sum(balance), 0) FROM points_wallet)
            + (SELECT sum(balance) FROM points_money WHERE kind IN (2, 3, 4, 5, 6, 7, 11, 12, 13, 14)) + (SELECT min(balance) FROM points_money WHERE kind = 1)
            + (SELECT coalesce(sum(p.amount), 0) FROM points_posting p JOIN points_account a ON a.id = p.account_id AND a.kind BETWEEN 4 AND 7
                JOIN points_transfer t ON t.id = p.transfer_id AND t.booked_at = p.booked_at
                WHERE t.xid >= (SELECT xid FROM points_mark WHERE name = 'rollup')) AS open) z
        WHERE open > 0""",
    "a live account is the sum of its postings": """
        SELECT count(*), count(*) FILTER (WHERE a.balance <> coalesce(s.amount, 0)) FROM points_money a
        LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM points_posting GROUP BY 1) s ON s.account_id = a.id
        WHERE a.kind IN (1, 2, 3) OR a.kind >= 11""",
    "a collecting account is the sum of its postings up to the mark": """
        SELECT count(*), count(*) FILTER (WHERE a.balance <> coalesce(s.amount, 0)) FROM points_account a
        LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM points_account_day GROUP BY 1) s ON s.account_id = a.id
        WHERE a.kind BETWEEN 4 AND 10""",
    "running totals are the sums of the history up to the mark": """
        SELECT count(*), count(*) FILTER (WHERE d.amount IS DISTINCT FROM s.amount OR d.n IS DISTINCT FROM s.n) FROM points_account_day d
        FULL JOIN (
          SELECT v.account_id, t.booked_on, coalesce(t.due_on, t.booked_on) AS due_on, sum(v.amount) AS amount, count(*) AS n
          FROM points_transfer t CROSS JOIN LATERAL (VALUES (t.debit_id, -(t.points + t.rest)), (t.credit_id, t.points), (t.rest_id, t.rest)) v(account_id, amount)
          WHERE v.account_id <> t.wallet_id AND t.xid < (SELECT xid FROM points_mark WHERE name = 'rollup') GROUP BY 1, 2, 3) s
        ON s.account_id = d.account_id AND s.booked_on = d.booked_on AND s.due_on = d.due_on""",
    "every sale has its key, every booked key its journal": """
        SELECT count(*), count(*) FILTER (WHERE k.sale_id IS NULL OR s.id IS NULL) FROM points_sale s
        FULL JOIN (SELECT y.sale_id FROM points_key y WHERE y.status < 2 AND NOT EXISTS (
            SELECT FROM points_transfer t WHERE t.kind = 4 AND t.id = y.sale_id)
            AND NOT EXISTS (SELECT FROM points_hold h WHERE h.id = y.sale_id) AND NOT EXISTS (SELECT FROM points_reward r WHERE r.id = y.sale_id)) k ON k.sale_id = s.id""",
    "every sale has its transfers, every transfer of a till its sale": """
        SELECT count(*), count(*) FILTER (WHERE s.id IS NULL
            OR (s.reason <> 2)::integer * (s.points + coalesce(r.short, 0)) <> coalesce(j.points, 0) OR (s.reason <> 2)::integer * (s.rest + coalesce(r.rest_due, 0)) <> coalesce(j.rest, 0)
            OR s.spent_points <> coalesce(j.spent, 0) - coalesce(r.promised, 0) OR s.spend_fee <> coalesce(j.fee, 0) - coalesce(r.fee_lacking, 0)
            OR s.booked_at <> coalesce(j.booked_at, s.booked_at)
            OR s.outlet_id <> coalesce(j.outlet_id, s.outlet_id) OR s.wallet_id <> coalesce(j.wallet_id, s.wallet_id)) FROM points_sale s
        FULL JOIN (
          SELECT journal_id, sum(points) FILTER (WHERE kind = 1) AS points, sum(rest) FILTER (WHERE kind = 1) AS rest,
            sum(points + rest) FILTER (WHERE kind IN (2, 10)) AS spent, sum(rest) FILTER (WHERE kind = 2) AS fee,
            min(booked_at) AS booked_at, min(outlet_id) AS outlet_id, min(wallet_id) AS wallet_id
          FROM points_transfer WHERE kind IN (1, 2, 10) GROUP BY 1) j ON j.journal_id = s.id
        LEFT JOIN points_refund r ON r.refund_id = s.id""",
    "a sale was reckoned by its terms": """
        SELECT count(*), count(*) FILTER (WHERE t.id IS NULL OR s.rate_bps <> t.rate_bps OR s.member_bps <> t.member_bps
            OR s.spend_fee_bps <> t.spend_fee_bps OR s.float_id <> t.float_id) FROM points_sale s LEFT JOIN points_terms t ON t.id = s.terms_id""",
    "a sale happened while its terms were in force": """
        SELECT count(*), count(*) FILTER (WHERE s.kind = 1 AND (s.event_at < t.valid_from OR s.event_at >= t.valid_to))
        FROM points_sale s JOIN points_terms t ON t.id = s.terms_id""",
    "a bill moved the accounts of its terms": """
        SELECT count(*), count(*) FILTER (WHERE t.id IS NULL OR CASE x.kind
            WHEN 1 THEN x.debit_id <> t.float_id OR x.credit_id <> x.wallet_id OR x.rest_id IS NOT NULL AND (a.kind = 5 AND a.terms_id = t.id) IS NOT TRUE
            ELSE x.debit_id <> x.wallet_id OR x.credit_id <> t.proceeds_id AND NOT (s.kind = 3 AND x.credit_id = t.float_id)
              OR x.rest_id <> t.fee_rest_id AND NOT (s.kind = 3 AND x.rest_id = 3) END)
        FROM points_transfer x LEFT JOIN points_sale s ON s.id = x.journal_id LEFT JOIN points_terms t ON t.id = s.terms_id
        LEFT JOIN points_account a ON a.id = x.rest_id WHERE x.kind IN (1, 2)""",
    "terms name the accounts of their own merchant": """
        SELECT count(*), count(*) FILTER (WHERE f.kind <> 3
            OR (p.kind = 4 AND p.float_id = f.id AND p.owner_no = f.owner_no) IS NOT TRUE
            OR (r.kind = 6 AND r.float_id = f.id AND r.owner_no = f.owner_no) IS NOT TRUE
            OR (m.kind = 12 AND m.float_id = f.id AND m.owner_no = f.owner_no) IS NOT TRUE
            OR a.n > a.lawful)
        FROM points_terms t JOIN points_account f ON f.id = t.float_id LEFT JOIN points_account p ON p.id = t.proceeds_id
        LEFT JOIN points_account r ON r.id = t.fee_rest_id LEFT JOIN points_account m ON m.id = t.promo_id
        LEFT JOIN (SELECT y.terms_id, count(*) AS n, count(*) FILTER (WHERE y.kind = 5 AND y.float_id = x.float_id) AS lawful
          FROM points_account y JOIN points_terms x ON x.id = y.terms_id GROUP BY 1) a ON a.terms_id = t.id""",
    "one key per sale, with the figures of the sale": """
        SELECT count(*), count(*) FILTER (WHERE k.n <> 1 OR k.points <> s.points OR k.spent <> s.spent_points OR k.rest <> s.rest
            OR k.wallet_id <> s.wallet_id OR k.booked_at <> s.booked_at OR k.status <> (s.kind = 1 AND s.reason = 1)::integer
            OR k.figure IS DISTINCT FROM CASE WHEN s.kind = 1 AND s.reason IN (1, 2) THEN s.rebate_fen WHEN s.kind = 3 THEN r.keep_back_fen END OR k.balance_after <> j.balance_after)
        FROM points_sale s JOIN (SELECT *, count(*) OVER (PARTITION BY sale_id) AS n FROM points_key WHERE sale_id IS NOT NULL) k ON k.sale_id = s.id
        LEFT JOIN (SELECT DISTINCT ON (journal_id) journal_id, balance_after FROM points_transfer
          WHERE kind IN (1, 2) OR wallet_id > 0 AND journal_id IN (SELECT id FROM points_sale WHERE kind <> 1) ORDER BY journal_id, seq DESC) j
          ON j.journal_id = s.id
        LEFT JOIN points_refund r ON r.refund_id = s.id""",
    "the key of an adjustment has its figures": f"""
        SELECT count(*), count(*) FILTER (WHERE k.points <> {_SIGNED} OR k.wallet_id <> t.wallet_id OR k.booked_at <> t.booked_at
            OR k.status <> 0 OR k.balance_after <> t.balance_after OR k.figure IS NOT NULL OR k.spent <> 0 OR k.rest <> 0)
        FROM points_key k JOIN points_transfer t ON t.id = k.sale_id AND t.kind = 4""",
    "a request that booked nothing moved nothing": """
        SELECT count(*), count(*) FILTER (WHERE status = 5 OR sale_id IS NOT NULL OR booked_at IS NOT NULL OR points <> 0 OR spent <> 0 OR rest <> 0)
        FROM points_key WHERE status >= 2""",
    "the transfers of a bill have its time, day and actor": """
        SELECT count(*), count(*) FILTER (WHERE x.event_at <> s.event_at OR x.booked_on <> s.booked_on OR x.actor <> s.actor OR x.outlet_id <> s.outlet_id
            OR (x.reverses_id IS NULL) <> (s.kind = 1) OR x.booked_at NOT BETWEEN s.booked_at AND s.booked_at + interval '1 millisecond')
        FROM points_transfer x JOIN points_sale s ON s.id = x.journal_id WHERE x.kind IN (1, 2)""",
    "the days of a bill follow from its terms": """
        SELECT count(*), count(*) FILTER (WHERE x.due_on <> x.booked_on + t.holdback_days
            OR x.booked_on < least(d.event_on, d.on_day)
            OR s.spent_points::bigint * 10000 > s.bill_fen::bigint * t.spend_share_bps
            OR x.kind = 1 AND NOT EXISTS (SELECT FROM (VALUES (d.event_on), (d.on_day)) v(day) WHERE x.matures_on IN (least(d.event_on, v.day), v.day + t.matures_days)
              AND x.expires_on = (date_trunc('quarter', v.day + interval '24 months') + interval '3 months - 1 day')::date))
        FROM points_transfer x JOIN points_sale s ON s.id = x.journal_id AND s.kind = 1 JOIN points_terms t ON t.id = s.terms_id
        CROSS JOIN LATERAL (SELECT (x.event_at AT TIME ZONE 'Asia/Shanghai')::date AS event_on, (x.booked_at AT TIME ZONE 'Asia/Shanghai')::date AS on_day) d WHERE x.kind IN (1, 2)""",
    "every row lies in the bucket of its wallet": """
        SELECT sum(n), sum(bad) FROM (
          SELECT count(*) AS n, count(*) FILTER (WHERE CASE WHEN wallet_id = 0 THEN bucket <> -1 OR seq <> id ELSE bucket <> wallet_id % 64 END) AS bad FROM points_transfer
          UNION ALL SELECT count(*), count(*) FILTER (WHERE bucket <> wallet_id % 64) FROM points_lot
          UNION ALL SELECT count(*), count(*) FILTER (WHERE bucket <> wallet_id % 64) FROM points_lot_use) z""",
    "a lot lapses at its expiry or thirty days later, and is closed only when empty": """
        SELECT sum(n), sum(bad) FROM (
          SELECT count(*) AS n, count(*) FILTER (WHERE lapses_on NOT IN (expires_on, expires_on + 30) OR NOT is_open AND remaining > 0) AS bad FROM points_lot
          UNION ALL SELECT count(*), count(*) FILTER (WHERE lapses_on NOT IN (expires_on, expires_on + 30)) FROM points_lot_use) z""",
    "a pending lot is what was earned for its day": """
        SELECT count(*), count(*) FILTER (WHERE l.remaining <> coalesce(t.points, 0) OR l.earned < l.remaining) FROM points_lot l
        LEFT JOIN (SELECT wallet_id, debit_id, matures_on, expires_on, sum(points) AS points FROM points_transfer
          WHERE kind IN (1, 8, 15) AND matures_on >= (SELECT min(matures_on) FROM points_lot WHERE matures_on > '2000-01-01') GROUP BY 1, 2, 3, 4) t
          ON t.wallet_id = l.wallet_id AND t.debit_id = l.funder_id AND t.matures_on = l.matures_on AND t.expires_on = l.expires_on
        WHERE l.matures_on > '2000-01-01'""",
    "a use of a lot is of its own transfer": """
        SELECT count(*), count(*) FILTER (WHERE t.id IS NULL OR t.wallet_id <> u.wallet_id OR t.booked_at <> u.booked_at)
        FROM points_lot_use u LEFT JOIN points_transfer t ON t.id = u.transfer_id""",
    "what a wallet holds back is the sum of its open holds and of its lots": """
        SELECT count(*), count(*) FILTER (WHERE w.held <> coalesce(h.points, 0) OR w.held <> coalesce(l.held, 0)) FROM points_wallet w
        FULL JOIN (SELECT wallet_id, sum(points) AS points FROM points_hold WHERE state = 1 GROUP BY 1) h ON h.wallet_id = w.id
        FULL JOIN (SELECT wallet_id, sum(held) AS held FROM points_lot WHERE held <> 0 GROUP BY 1) l ON l.wallet_id = w.id""",
    "what is held of a lot is what open holds name, and only mature lots are held": """
        SELECT count(*), count(*) FILTER (WHERE coalesce(l.held, 0) <> coalesce(h.points, 0)) FROM (
          SELECT wallet_id, matures_on, lapses_on, funder_id, expires_on, held FROM points_lot WHERE held <> 0) l
        FULL JOIN (SELECT h.wallet_id, date '2000-01-01' AS matures_on, p.lapses_on, p.funder_id, p.expires_on, sum(p.points) AS points
          FROM points_hold h JOIN points_hold_lot p ON p.hold_id = h.id WHERE h.state = 1 GROUP BY 1, 2, 3, 4, 5) h
          USING (wallet_id, matures_on, lapses_on, funder_id, expires_on)""",
    "a hold is the sum of the parts it names": """
        SELECT count(*), count(*) FILTER (WHERE h.id IS NULL OR h.points IS DISTINCT FROM p.points OR p.bad > 0) FROM points_hold h
        FULL JOIN (SELECT hold_id, sum(points) AS points, count(*) FILTER (WHERE lapses_on NOT IN (expires_on, expires_on + 30)
            OR NOT EXISTS (SELECT FROM points_account a WHERE a.id = funder_id)) AS bad FROM points_hold_lot GROUP BY 1) p ON p.hold_id = h.id""",
    "a hold is in a lawful state, of one merchant, and was closed in its time": """
        SELECT count(*), count(*) FILTER (WHERE f.kind IS DISTINCT FROM 3 OR h.points > h.bill_fen OR h.ends_at <= h.placed_at
            OR h.ends_at > h.placed_at + interval '168 hours' OR CASE h.state
              WHEN 1 THEN h.closed_at IS NOT NULL OR h.sale_id IS NOT NULL OR h.captured <> 0 OR h.closed_by <> ''
              WHEN 2 THEN h.sale_id IS NULL OR h.captured NOT BETWEEN 1 AND h.points OR h.closed_at IS NULL OR h.closed_at >= h.ends_at + interval '1 minute'
              WHEN 3 THEN h.sale_id IS NOT NULL OR h.captured <> 0 OR h.closed_at IS NULL
              WHEN 4 THEN h.sale_id IS NOT NULL OR h.captured <> 0 OR (h.closed_at >= h.ends_at) IS NOT TRUE OR h.closed_by <> 'system:hold'
              ELSE true END)
        FROM points_hold h LEFT JOIN points_account f ON f.id = h.float_id""",
    "a capture's bill is booked under its hold": """
        SELECT count(*), count(*) FILTER (WHERE s.id IS NULL OR s.kind <> 1 OR s.wallet_id <> h.wallet_id OR s.outlet_id <> h.outlet_id
            OR s.float_id <> h.float_id OR s.spent_points <> h.captured OR s.booked_at <> h.closed_at OR s.actor <> h.closed_by)
        FROM points_hold h LEFT JOIN points_sale s ON s.id = h.sale_id WHERE h.state = 2""",
    "a hold has the key of its placing, and of its release by the outlet": """
        SELECT count(*), count(*) FILTER (WHERE k.n IS DISTINCT FROM CASE h.state WHEN 3 THEN 2 ELSE 1 END OR k.bad > 0)
        FROM points_hold h LEFT JOIN LATERAL (
          SELECT count(*) AS n, count(*) FILTER (WHERE z.wallet_id <> h.wallet_id OR z.points <> 0 OR z.rest <> 0 OR z.figure IS NOT NULL OR z.status <> 0
            OR NOT (z.spent = h.points AND z.booked_at = h.placed_at OR h.state = 3 AND z.spent = -h.points AND z.booked_at = h.closed_at)
            OR z.balance_after IS NULL) AS bad
          FROM points_key z WHERE z.sale_id = h.id) k ON true""",
    "what left a wallet left its lots": f"""
        SELECT count(*), count(*) FILTER (WHERE coalesce(t.taken, 0) <> coalesce(u.points, 0)) FROM (
          SELECT t.id, -({_SIGNED}) AS taken FROM points_transfer t
          WHERE t.wallet_id > 0 AND (t.debit_id = t.wallet_id OR t.reverses_id IS NOT NULL) AND t.points + t.rest <> 0 AND {_SIGNED} <> 0) t
        FULL JOIN (SELECT transfer_id, sum(points) AS points FROM points_lot_use GROUP BY 1) u ON u.transfer_id = t.id""",
    "per funder and expiry: given − used = what is left in lots": """
        SELECT count(*), count(*) FILTER (WHERE coalesce(g.points, 0) - coalesce(u.points, 0) <> coalesce(l.remaining, 0)) FROM (
          SELECT wallet_id, debit_id AS funder_id, expires_on, sum(points) AS points FROM points_transfer
          WHERE wallet_id > 0 AND credit_id = wallet_id AND reverses_id IS NULL AND points > 0 GROUP BY 1, 2, 3) g
        FULL JOIN (SELECT wallet_id, funder_id, expires_on, sum(points) AS points FROM points_lot_use GROUP BY 1, 2, 3) u
          USING (wallet_id, funder_id, expires_on)
        FULL JOIN (SELECT wallet_id, funder_id, expires_on, sum(remaining) AS remaining FROM points_lot GROUP BY 1, 2, 3) l
          USING (wallet_id, funder_id, expires_on)""",
    "a void is its sale with all amounts negated, once": """
        SELECT count(*), count(*) FILTER (WHERE s.id IS NULL OR r.sale_id IS NULL OR v.n <> 1 OR v.bill_fen <> -s.bill_fen OR v.points <> -s.points
            OR v.rest <> -s.rest OR v.spent_points <> -s.spent_points OR r.amount <> s.points + s.rest + s.spent_points OR r.reversed <> r.amount
            OR greatest(r.kept_bill, r.kept_spent, r.kept_eligible) > 0 OR EXISTS (SELECT FROM points_refund f WHERE f.sale_id = s.id))
        FROM (SELECT reverses_id, count(*) AS n, sum(bill_fen) AS bill_fen, sum(points) AS points, sum(rest) AS rest, sum(spent_points) AS spent_points
          FROM points_sale WHERE kind = 2 GROUP BY 1) v
        LEFT JOIN points_sale s ON s.id = v.reverses_id AND s.kind = 1 FULL JOIN (SELECT * FROM points_reversal WHERE refunds = 0) r ON r.sale_id = v.reverses_id""",
    "what stays of a sale is the sale less its refunds": """
        SELECT count(*), count(*) FILTER (WHERE s.id IS NULL OR r.sale_id IS NULL OR r.amount <> s.points + s.rest + s.spent_points OR r.refunds <> v.n
            OR r.reversed <> -v.undone OR r.kept_bill <> s.bill_fen + v.bill_fen OR r.kept_spent <> s.spent_points + v.spent_points
            OR r.kept_eligible <> s.eligible_fen + v.eligible_fen)
        FROM (SELECT reverses_id, count(*) AS n, sum(bill_fen) AS bill_fen, sum(eligible_fen) AS eligible_fen, sum(spent_points) AS spent_points,
            sum(points + rest + spent_points) AS undone FROM points_sale WHERE kind = 3 GROUP BY 1) v
        LEFT JOIN points_sale s ON s.id = v.reverses_id AND s.kind = 1 FULL JOIN (SELECT * FROM points_reversal WHERE refunds > 0) r ON r.sale_id = v.reverses_id""",
    "what stays after each refund follows the terms of the sale": """
        SELECT count(*), count(*) FILTER (WHERE kept.rebate <> c.rebate OR kept.fee <> kept.spent * s.spend_fee_bps / 10000
            OR CASE WHEN s.reason = 1 THEN kept.points <> 0 OR kept.rest <> 0 ELSE kept.points <> c.points OR kept.rest <> c.rebate - c.points END
            OR least(kept.bill - kept.spent, kept.spent, kept.eligible, kept.bill - kept.spent - kept.eligible) < 0
            OR v.wallet_id <> s.wallet_id OR v.terms_id <> s.terms_id OR v.reason <> s.reason OR v.reference <> s.reference)
        FROM (SELECT z.*, sum(bill_fen) OVER w AS bill, sum(spent_points) OVER w AS spent, sum(eligible_fen) OVER w AS eligible, sum(rebate_fen) OVER w AS rebate,
            sum(points) OVER w AS all_points, sum(rest) OVER w AS all_rest, sum(spend_fee) OVER w AS fee
          FROM points_sale z JOIN points_refund f ON f.refund_id = z.id WHERE z.kind = 3 WINDOW w AS (PARTITION BY z.reverses_id ORDER BY f.n)) v
        JOIN points_sale s ON s.id = v.reverses_id
        CROSS JOIN LATERAL (SELECT s.bill_fen + v.bill AS bill, s.spent_points + v.spent AS spent, s.eligible_fen + v.eligible AS eligible,
          s.rebate_fen + v.rebate AS rebate, s.points + v.all_points AS points, s.rest + v.all_rest AS rest, s.spend_fee + v.fee AS fee) kept
        CROSS JOIN LATERAL (SELECT (kept.eligible * s.rate_bps + 5000) / 10000 AS rebate) e
        CROSS JOIN LATERAL (SELECT e.rebate, e.rebate * s.member_bps / 10000 AS points) c""",
    "a refund accounts for all that came back and all that is missing": """
        SELECT count(*), count(*) FILTER (WHERE s.id IS NULL OR r.refund_id IS NULL OR r.sale_id <> s.reverses_id OR r.wallet_id <> s.wallet_id OR r.float_id <> s.float_id
            OR r.n <> s.n OR r.cash_fen <> -s.paid_fen OR r.taken + r.short + r.unpromised <> -s.points OR r.rest_back + r.rest_due + r.unpromised_rest <> -s.rest
            OR s.reason <> 2 AND r.unpromised + r.unpromised_rest > 0
            OR r.from_fee + r.from_proceeds + r.from_float + r.advanced + r.promised <> -s.spent_points OR r.from_fee + r.fee_lacking <> -s.spend_fee
            OR r.keep_back_fen + r.claimed <> r.short + coalesce(a.short, 0) - r.home OR r.home <> r.home_own + coalesce(a.home, 0) OR r.wound <> coalesce(j.wound, 0) OR NOT r.is_cash_given AND r.claimed > 0 AND r.keep_back_fen < r.cash_fen
            OR r.from_fee <> coalesce(-j.fee, 0) OR r.from_proceeds <> coalesce(-j.proceeds, 0) OR r.from_float <> coalesce(-j.float, 0)
            OR r.advanced <> coalesce(-j.advanced, 0) OR r.taken <> coalesce(-j.taken, 0) OR coalesce(a.taken, 0) <> coalesce(-j.bonus, 0)
            OR coalesce(a.charged, 0) <> coalesce(j.charged, 0) OR r.lapsed <> coalesce(j.lapsed, 0) OR r.credit_charged <> coalesce(a.reward, 0)
            OR r.advanced <> coalesce(c.advanced, 0) OR r.claimed <> coalesce(c.claimed, 0) OR r.fee_lacking <> coalesce(c.fee, 0) OR coalesce(a.owed, 0) <> coalesce(c.owed, 0)
            OR r.promised <> coalesce(p.points, 0) OR r.rest_due <> coalesce(d.amount, 0) OR coalesce(a.due, 0) <> coalesce(d.to_payers, 0))
        FROM points_refund r FULL JOIN (
          SELECT z.*, row_number() OVER (PARTITION BY z.reverses_id ORDER BY z.booked_at, z.id) AS n FROM points_sale z WHERE z.kind = 3) s ON s.id = r.refund_id
        LEFT JOIN (SELECT x.journal_id, sum(x.rest) FILTER (WHERE x.kind = 2) AS fee, sum(x.points) FILTER (WHERE x.kind = 2 AND k.kind = 4) AS proceeds,
            sum(x.points) FILTER (WHERE x.kind = 2 AND k.kind = 3) AS float, sum(x.points) FILTER (WHERE x.kind = 10 AND x.credit_id = 4) AS advanced,
            sum(x.points) FILTER (WHERE x.kind IN (1, 15)) AS taken, sum(x.points) FILTER (WHERE x.kind = 8 AND x.reverses_id IS NOT NULL) AS bonus,
            sum(x.points) FILTER (WHERE x.kind = 9) AS charged,
            sum(x.points) FILTER (WHERE x.kind = 3) AS lapsed, sum(x.points) FILTER (WHERE x.kind = 17 AND x.wallet_id > 0) AS wound
          FROM points_transfer x LEFT JOIN points_account k ON k.id = x.credit_id WHERE x.kind IN (1, 2, 3, 8, 9, 10, 15, 17) GROUP BY 1) j ON j.journal_id = r.refund_id
        LEFT JOIN (SELECT refund_id, sum(points - taken) FILTER (WHERE NOT is_reward) AS short, sum(taken) AS taken, sum(charged) AS charged, sum(due) AS due, sum(owed) AS owed,
            sum(home) FILTER (WHERE NOT is_reward) AS home, sum(points) FILTER (WHERE is_reward) AS reward FROM points_refund_award GROUP BY 1) a ON a.refund_id = r.refund_id
        LEFT JOIN (SELECT refund_id, sum(points) FILTER (WHERE why = 1) AS claimed, sum(points) FILTER (WHERE why = 2) AS advanced, sum(points) FILTER (WHERE why = 3) AS owed,
            sum(points) FILTER (WHERE why = 4) AS fee FROM points_claim GROUP BY 1) c ON c.refund_id = r.refund_id
        LEFT JOIN (SELECT refund_id, sum(points) AS points FROM points_return_due GROUP BY 1) p ON p.refund_id = r.refund_id
        LEFT JOIN (SELECT x.refund_id, sum(x.amount) AS amount, sum(x.amount) FILTER (WHERE x.to_id <> y.float_id) AS to_payers
          FROM points_due x JOIN points_refund y ON y.refund_id = x.refund_id GROUP BY 1) d ON d.refund_id = r.refund_id""",
    "a red-letter row undoes its original on the same accounts, never more of it": """
        SELECT count(*), count(*) FILTER (WHERE o.id IS NULL OR t.due_on IS DISTINCT FROM o.due_on OR t.undone < -(o.points + o.rest) OR t.debit_id <> o.debit_id
            OR CASE WHEN t.is_void THEN t.points <> -o.points OR t.rest <> -o.rest OR t.credit_id <> o.credit_id OR t.rest_id IS DISTINCT FROM o.rest_id OR t.n > 1 OR t.kind <> o.kind
              WHEN t.kind = 10 THEN o.kind <> 2 OR t.credit_id <> 4 OR t.rest <> 0
              WHEN t.kind = 15 AND o.kind <> 15 THEN o.kind <> 2 OR t.credit_id NOT IN (o.credit_id, a.float_id) OR t.rest <> 0
              WHEN o.kind = 2 THEN t.kind <> 2 OR t.credit_id NOT IN (o.credit_id, a.float_id) OR t.rest <> 0 AND t.rest_id NOT IN (o.rest_id, 3)
              ELSE t.kind <> o.kind OR t.credit_id <> o.credit_id OR t.rest <> 0 AND t.rest_id IS DISTINCT FROM o.rest_id
                OR t.matures_on IS DISTINCT FROM o.matures_on OR t.expires_on IS DISTINCT FROM o.expires_on END)
        FROM (SELECT x.*, s.kind IS NOT DISTINCT FROM 2 AS is_void, count(*) OVER w AS n, sum(x.points + x.rest) OVER w AS undone
          FROM points_transfer x LEFT JOIN points_sale s ON s.id = x.journal_id WHERE x.reverses_id IS NOT NULL WINDOW w AS (PARTITION BY x.reverses_id)) t
        LEFT JOIN points_transfer o ON o.id = t.reverses_id AND o.wallet_id = t.wallet_id LEFT JOIN points_account a ON a.id = o.credit_id""",
    "reward credit is what kept sales bear": """
        SELECT count(*), count(*) FILTER (WHERE w.credit <> coalesce(c.credit, 0)) FROM points_wallet w
        LEFT JOIN (SELECT s.wallet_id, sum(points_credit_of(CASE WHEN r.sale_id IS NULL THEN s.rebate_fen ELSE (r.kept_eligible::bigint * s.rate_bps + 5000) / 10000 END,
            10000 - t.member_bps - t.centre_bps - t.promo_bps)) AS credit
          FROM points_sale s JOIN points_terms t ON t.id = s.terms_id LEFT JOIN points_reversal r ON r.sale_id = s.id LEFT JOIN points_promise p ON p.sale_id = s.id
          WHERE s.kind = 1 AND (s.reason = 0 OR p.state = 2) GROUP BY 1) c
          ON c.wallet_id = w.id""",
    "what was repaid was booked: claims, dues, promised returns": """
        SELECT sum(n), sum(bad) FROM (
          SELECT count(*) AS n, count(*) FILTER (WHERE coalesce(c.repaid, 0) <> coalesce(t.points, 0)) AS bad
          FROM (SELECT debtor_id, creditor_id, sum(repaid) AS repaid FROM points_claim GROUP BY 1, 2 HAVING sum(repaid) > 0) c
          FULL JOIN (SELECT CASE WHEN a.kind = 4 THEN a.float_id ELSE t.debit_id END AS debtor_id, t.credit_id AS creditor_id, sum(t.points) AS points
            FROM points_transfer t LEFT JOIN points_account a ON a.id = t.debit_id WHERE t.kind = 18 AND a.kind IS DISTINCT FROM 5 GROUP BY 1, 2) t USING (debtor_id, creditor_id)
          UNION ALL SELECT count(*), count(*) FILTER (WHERE coalesce(d.paid, 0) <> coalesce(t.points, 0))
          FROM (SELECT account_id, to_id, sum(paid) AS paid FROM points_due GROUP BY 1, 2 HAVING sum(paid) > 0) d
          FULL JOIN (SELECT t.debit_id AS account_id, t.credit_id AS to_id, sum(t.points) AS points
            FROM points_transfer t JOIN points_account a ON a.id = t.debit_id AND a.kind = 5 WHERE t.kind = 18 GROUP BY 1, 2) t USING (account_id, to_id)
          UNION ALL SELECT count(*), count(*) FILTER (WHERE coalesce(d.issued, 0) <> coalesce(t.points, 0))
          FROM (SELECT transfer_id, sum(issued) AS issued FROM points_return_due GROUP BY 1 HAVING sum(issued) > 0) d
          FULL JOIN (SELECT reverses_id AS transfer_id, -sum(points) AS points FROM points_transfer WHERE kind = 15 AND reverses_id IS NOT NULL AND debit_id = wallet_id GROUP BY 1) t USING (transfer_id)) z""",
    "claims, dues and promises name the parties of their refund": """
        SELECT sum(n), sum(bad) FROM (
          SELECT count(*) AS n, count(*) FILTER (WHERE CASE c.why WHEN 1 THEN c.debtor_id <> r.wallet_id OR c.creditor_id <> r.float_id
              WHEN 5 THEN NOT EXISTS (SELECT FROM points_reward_back b JOIN points_reward z ON z.id = b.reward_id WHERE b.reward_id = c.reward_id AND b.wallet_id = c.debtor_id
                AND z.payer_id = c.creditor_id AND b.owed = c.points AND b.refund_id IS NOT DISTINCT FROM c.refund_id AND b.booked_at = c.made_at)
              WHEN 6 THEN c.creditor_id <> 3 OR NOT EXISTS (SELECT FROM points_kept_fee k WHERE k.claim_id = c.id AND k.float_id = c.debtor_id AND k.fee - k.taken = c.points AND k.kept_at = c.made_at)
              WHEN 2 THEN c.debtor_id <> r.float_id OR c.creditor_id <> 4 WHEN 4 THEN c.debtor_id <> 3 OR c.creditor_id <> r.float_id
              ELSE c.debtor_id <> r.float_id OR NOT EXISTS (SELECT FROM points_refund_award a WHERE a.refund_id = c.refund_id AND a.payer_id = c.creditor_id AND a.owed > 0) END
              OR c.made_at > s.booked_at OR c.made_at < s.booked_at - interval '1 hour') AS bad
            FROM points_claim c LEFT JOIN points_refund r USING (refund_id) LEFT JOIN points_sale s ON s.id = c.refund_id
          UNION ALL SELECT count(*), count(*) FILTER (WHERE a.kind <> 5 OR e.rest_id <> d.account_id OR d.taken_on > f.closed_on
              OR d.to_id <> r.float_id AND NOT EXISTS (SELECT FROM points_refund_award y WHERE y.refund_id = d.refund_id AND y.payer_id = d.to_id AND y.due > 0)
              OR d.made_at > s.booked_at OR d.made_at < s.booked_at - interval '1 hour')
            FROM points_due d JOIN points_account a ON a.id = d.account_id JOIN points_refund r USING (refund_id) LEFT JOIN points_sale s ON s.id = d.refund_id
            JOIN points_account f ON f.id = r.float_id LEFT JOIN points_promise i ON i.sale_id = r.sale_id
            LEFT JOIN points_transfer e ON e.journal_id = r.sale_id AND e.kind = 1 OR e.id = i.issue_id
          UNION ALL SELECT count(*), count(*) FILTER (WHERE p.wallet_id <> r.wallet_id OR p.float_id <> r.float_id OR x.kind IS DISTINCT FROM 2
              OR NOT EXISTS (SELECT FROM points_lot_use u WHERE u.transfer_id = p.transfer_id AND u.lapses_on = p.lapses_on AND u.funder_id = p.funder_id
                AND u.expires_on = p.expires_on AND u.points >= p.points) OR p.made_at > s.booked_at OR p.made_at < s.booked_at - interval '1 hour')
            FROM points_return_due p JOIN points_refund r USING (refund_id) LEFT JOIN points_transfer x ON x.id = p.transfer_id AND x.journal_id = r.sale_id
            LEFT JOIN points_sale s ON s.id = p.refund_id
          UNION ALL SELECT count(*), count(*) FILTER (WHERE x.kind IS DISTINCT FROM 8 AND NOT (x.kind IS NOT DISTINCT FROM 14 AND a.is_reward) OR x.debit_id <> a.payer_id OR a.is_reward = (x.journal_id = r.sale_id)
              OR a.is_outside = (a.payer_id IN (t.float_id, t.promo_id)) OR a.undone > x.points)
            FROM (SELECT *, sum(points) OVER (PARTITION BY transfer_id) AS undone FROM points_refund_award) a JOIN points_refund r USING (refund_id)
            LEFT JOIN points_transfer x ON x.id = a.transfer_id LEFT JOIN points_sale s ON s.id = r.sale_id LEFT JOIN points_terms t ON t.id = s.terms_id) z""",
    "what was released is split by its terms, no more and no less": """
        SELECT count(*), count(*) FILTER (WHERE s.account_id IS NULL OR s.total <> coalesce(d.released, 0) - coalesce(u.amount, 0)
            OR s.unpaid <> coalesce(u.amount - u.paid, 0)
            OR s.fee <> coalesce(p.fee, 0) OR s.buffer <> coalesce(p.buffer, 0) OR s.promo <> coalesce(p.promo, 0) OR s.centre <> coalesce(p.centre, 0)
            OR s.total + s.unpaid <> coalesce(p.posted, 0) OR s.closed_on > f.closed_on
            -- Nobody is above their part but by what is known to be short; then nobody is below it either.
            OR s.short <> greatest(0, s.fee - w.fee) + greatest(0, s.centre - w.centre) + greatest(0, s.promo - w.promo)
              + greatest(0, s.buffer - (s.total - w.fee - w.centre - w.promo)))
        FROM points_split s FULL JOIN (
          -- What the closes took out of each collecting account, by where it went.
          SELECT x.account_id, sum(x.amount) AS posted, sum(x.amount) FILTER (WHERE x.to_id = 3) AS fee, sum(x.amount) FILTER (WHERE x.to_id = 4) AS buffer,
            sum(x.amount) FILTER (WHERE x.to_id = y.centre_id) AS centre, sum(x.amount) FILTER (WHERE x.to_id IN (z.promo_id, z.float_id)) AS promo
          FROM (SELECT c.account_id, CASE WHEN c.account_id = t.debit_id THEN t.credit_id ELSE t.debit_id END AS to_id,
              CASE WHEN c.account_id = t.debit_id THEN t.points ELSE -t.points END AS amount
            FROM points_transfer t CROSS JOIN LATERAL (VALUES (t.debit_id), (t.credit_id)) c(account_id)
            JOIN points_account k ON k.id = c.account_id AND k.kind IN (5, 6) WHERE t.kind = 7) x
          JOIN points_account y ON y.id = x.account_id LEFT JOIN points_terms z ON z.id = y.terms_id GROUP BY 1) p ON p.account_id = s.account_id
        LEFT JOIN points_account a ON a.id = s.account_id LEFT JOIN points_terms t ON t.id = a.terms_id LEFT JOIN points_account f ON f.id = a.float_id
        LEFT JOIN LATERAL (SELECT sum(q.amount) AS released FROM (
          SELECT amount FROM points_account_day WHERE account_id = s.account_id AND due_on <= s.closed_on
          UNION ALL SELECT v.amount FROM points_transfer x CROSS JOIN LATERAL (VALUES (x.debit_id, -(x.points + x.rest)), (x.credit_id, x.points), (x.rest_id, x.rest)) v(account_id, amount)
          WHERE x.xid >= (SELECT xid FROM points_mark WHERE name = 'rollup') AND v.account_id = s.account_id AND x.due_on <= s.closed_on) q) d ON true
        LEFT JOIN (SELECT account_id, sum(amount) AS amount, sum(paid) AS paid FROM points_due WHERE taken_on IS NOT NULL GROUP BY 1) u ON u.account_id = s.account_id
        LEFT JOIN LATERAL (SELECT CASE WHEN a.kind = 6 THEN s.total WHEN t.member_bps = 10000 THEN 0 ELSE s.total * t.fee_bps / (10000 - t.member_bps) END AS fee,
          CASE WHEN a.kind = 6 OR t.member_bps = 10000 THEN 0 ELSE s.total * t.centre_bps / (10000 - t.member_bps) END AS centre,
          CASE WHEN a.kind = 6 OR t.member_bps = 10000 THEN 0 ELSE s.total * t.promo_bps / (10000 - t.member_bps) END AS promo) w ON true""",
    "a float is closed through its last close, and no month ahead": """
        SELECT count(*), count(*) FILTER (WHERE a.closed_on < c.last_on
            OR a.closed_on >= (greatest(now(), (SELECT max(last_at) FROM points_wallet), c.last_at) AT TIME ZONE 'Asia/Shanghai')::date + 31)
        FROM points_account a LEFT JOIN (SELECT y.float_id, max(t.booked_on) AS last_on, max(t.booked_at) AS last_at FROM points_transfer t
            JOIN points_account y ON y.id IN (t.debit_id, t.credit_id) AND y.kind IN (5, 6) WHERE t.kind = 7 GROUP BY 1) c ON c.float_id = a.id
        WHERE a.kind = 3""",
    "every account, wallet and lot that is named exists": """
        SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM points_account a WHERE a.id = z.id)
            AND NOT EXISTS (SELECT FROM points_wallet w WHERE w.id = z.id)) FROM (
          SELECT debit_id AS id FROM points_transfer UNION SELECT credit_id FROM points_transfer UNION SELECT rest_id FROM points_transfer WHERE rest_id IS NOT NULL
          UNION SELECT wallet_id FROM points_transfer WHERE wallet_id <> 0 UNION SELECT wallet_id FROM points_sale UNION SELECT float_id FROM points_sale
          UNION SELECT funder_id FROM points_lot UNION SELECT wallet_id FROM points_lot) z""",
    "suspense holds the bank lines that wait": """
        SELECT count(*), count(*) FILTER (WHERE b.id IS NULL OR t.points IS DISTINCT FROM b.amount_fen OR t.booked_at <> b.received_at)
          + (SELECT count(*) FROM points_account WHERE kind = 2 AND balance <> (SELECT coalesce(sum(amount_fen), 0) FROM points_bank_line WHERE allotted_to_id IS NULL))
        FROM (SELECT * FROM points_bank_line WHERE amount_fen > 0) b FULL JOIN (SELECT id, points, booked_at FROM points_transfer WHERE kind = 5 AND wallet_id = 0 AND debit_id = 1 AND credit_id = 2) t
          ON t.id = b.journal_id""",
    "what was allotted came from a bank line, whole": """
        SELECT count(*), count(*) FILTER (WHERE b.id IS NULL OR u.points IS DISTINCT FROM b.amount_fen OR u.credit_id <> b.allotted_to_id OR u.booked_at <> b.allotted_at)
        FROM (SELECT * FROM points_bank_line WHERE allot_journal_id IS NOT NULL AND amount_fen > 0) b
        FULL JOIN (SELECT id, points, credit_id, booked_at FROM points_transfer WHERE kind IN (6, 20) AND wallet_id = 0 AND debit_id = 2) u ON u.id = b.allot_journal_id""",
    "a merchant owes what was promised": """
        SELECT count(*), count(*) FILTER (WHERE l.owed_fen <> coalesce(p.fen, 0) OR l.float_id IS NULL)
        FROM points_credit_line l FULL JOIN (SELECT float_id, sum(points + rest) AS fen FROM points_promise WHERE state = 1 GROUP BY 1) p USING (float_id)""",
    "a promise is its sale, and within the limit of its time": """
        SELECT count(*), count(*) FILTER (WHERE p.sale_id IS NULL OR s.id IS NULL OR p.wallet_id <> s.wallet_id OR p.float_id <> s.float_id OR p.terms_id <> s.terms_id
            OR p.outlet_id <> s.outlet_id OR p.booked_at <> s.booked_at OR p.booked_on <> s.booked_on OR p.owed_after NOT BETWEEN s.rebate_fen AND p.limit_fen
            OR (a.kind = 5 AND a.terms_id = p.terms_id) IS NOT TRUE OR p.matures_on - t.matures_days NOT IN (d.event_on, d.on_day)
            OR p.expires_on NOT IN ((date_trunc('quarter', d.event_on + interval '24 months') + interval '3 months - 1 day')::date,
              (date_trunc('quarter', d.on_day + interval '24 months') + interval '3 months - 1 day')::date)
            OR CASE WHEN r.sale_id IS NULL THEN p.points <> s.points OR p.rest <> s.rest OR p.state = 4 ELSE p.points > s.points OR p.points + p.rest > s.points + s.rest END)
        FROM points_promise p FULL JOIN (SELECT * FROM points_sale WHERE kind = 1 AND reason = 2) s ON s.id = p.sale_id
        LEFT JOIN points_account a ON a.id = p.rest_id LEFT JOIN points_terms t ON t.id = p.terms_id LEFT JOIN points_reversal r ON r.sale_id = p.sale_id
        LEFT JOIN LATERAL (SELECT (s.event_at AT TIME ZONE 'Asia/Shanghai')::date AS event_on, (s.booked_at AT TIME ZONE 'Asia/Shanghai')::date AS on_day) d ON true""",
    "what was issued had been promised, and is paid for": """
        SELECT count(*), count(*) FILTER (WHERE p.sale_id IS NULL OR x.id IS NULL OR x.points <> p.points OR x.rest <> p.rest OR x.wallet_id <> p.wallet_id OR x.debit_id <> p.float_id
            OR x.credit_id <> p.wallet_id OR x.rest_id <> p.rest_id OR x.outlet_id <> p.outlet_id OR x.due_on <> x.booked_on + t.holdback_days OR x.journal_id <> x.id
            OR x.matures_on <> greatest(p.matures_on, d.on_day) OR x.expires_on <> CASE WHEN p.expires_on > d.on_day THEN p.expires_on ELSE d.on_day + 30 END
            OR x.booked_on < d.on_day OR x.event_at > x.booked_at OR x.actor <> 'system:promises')
        FROM (SELECT * FROM points_promise WHERE state = 2) p FULL JOIN (SELECT * FROM points_transfer WHERE kind = 15 AND reverses_id IS NULL) x ON x.id = p.issue_id
        LEFT JOIN points_terms t ON t.id = p.terms_id
        LEFT JOIN LATERAL (SELECT (x.event_at AT TIME ZONE 'Asia/Shanghai')::date AS on_day) d ON true""",
    "a merchant's bill is the sum of its promises": """
        SELECT count(*), count(*) FILTER (WHERE b.id IS NULL OR p.float_id <> b.float_id OR p.n <> b.sales OR p.first_on <> b.from_on OR p.last_on > b.until_on OR p.others > 0
            OR b.open_fen <> p.open OR b.paid_fen <> p.paid OR b.dropped_fen <> p.dropped)
        FROM points_bill b FULL JOIN (
          SELECT bill_id, min(float_id) AS float_id, count(*) - count(*) FILTER (WHERE float_id <> z.one) AS n, count(*) FILTER (WHERE float_id <> z.one) AS others,
            min(booked_on) AS first_on, max(booked_on) AS last_on, coalesce(sum(points + rest) FILTER (WHERE state = 1), 0) AS open,
            coalesce(sum(points + rest) FILTER (WHERE state = 2), 0) AS paid, coalesce(sum(points + rest) FILTER (WHERE state = 3), 0) AS dropped
          FROM points_promise JOIN (SELECT id, float_id AS one FROM points_bill) z ON z.id = bill_id WHERE bill_id IS NOT NULL GROUP BY 1) p ON p.bill_id = b.id""",
    "what left the bank left a payout or the fee, by its line": """
        SELECT count(*), count(*) FILTER (WHERE b.id IS NULL OR t.id IS NULL OR t.points <> -b.amount_fen OR t.debit_id <> b.allotted_to_id OR t.booked_at <> b.received_at
            OR b.allotted_at <> b.received_at OR b.allot_journal_id <> b.journal_id OR t.kind <> CASE WHEN b.payout_id IS NULL OR b.reassign_journal_id IS NOT NULL THEN 19 ELSE 12 END)
        FROM (SELECT * FROM points_bank_line WHERE amount_fen < 0) b
        FULL JOIN (SELECT * FROM points_transfer WHERE credit_id = 1 AND wallet_id = 0) t ON t.id = b.journal_id""",
    "what was charged to the fee by mistake was charged to whose it was, once": """
        SELECT count(*), count(*) FILTER (WHERE b.id IS NULL OR (b.reassign_journal_id IS NULL) <> (t.id IS NULL) OR t.points <> -b.amount_fen OR t.debit_id <> b.reassigned_to_id
            OR t.booked_at <> b.reassigned_at OR t.id IS NOT NULL AND (a.kind <> CASE WHEN b.payout_id IS NULL THEN 3 ELSE 13 END
              OR p.end_journal_id IS DISTINCT FROM CASE WHEN b.payout_id IS NOT NULL THEN b.reassign_journal_id END))
        FROM (SELECT * FROM points_bank_line WHERE amount_fen < 0) b
        FULL JOIN (SELECT * FROM points_transfer WHERE kind = 19 AND credit_id = 3) t ON t.id = b.reassign_journal_id
        LEFT JOIN points_account a ON a.id = b.reassigned_to_id LEFT JOIN points_payout p ON p.id = b.payout_id""",
    "custody is the bank's lines, and its files follow each other": """
        SELECT count(*) + (SELECT count(*) FROM points_bank_line), count(*) FILTER (WHERE s.closing_fen - s.opening_fen <> s.sum_fen OR s.n > s.lines OR s.digest IS NULL
            OR s.from_on > s.to_on OR s.before <> s.closing_fen - s.new_fen OR s.wrong > 0)
          + (SELECT count(*) FROM points_account WHERE id = 1 AND balance <> -(SELECT coalesce(sum(amount_fen), 0) FROM points_bank_line))
        FROM (
          SELECT s.*, lag(s.closing_fen) OVER (PARTITION BY s.bank, s.account ORDER BY s.id) AS before, coalesce(l.fen, 0) AS new_fen, coalesce(l.n, 0) AS n, coalesce(l.wrong, 0) AS wrong,
            CASE WHEN l.n = s.lines THEN l.fen ELSE s.closing_fen - s.opening_fen END AS sum_fen
          FROM points_bank_statement s LEFT JOIN (
            SELECT b.statement_id, sum(b.amount_fen) AS fen, count(*) AS n, count(*) FILTER (WHERE points_account_number(b.account) <> points_account_number(z.account)) AS wrong
            FROM points_bank_line b JOIN points_bank_statement z ON z.id = b.statement_id GROUP BY 1) l ON l.statement_id = s.id) s""",
    "a line of the bank is known once, by account and serial": """
        SELECT count(*), count(*) FILTER (WHERE NOT is_double AND (n > 1 OR account <> points_account_number(account) OR serial <> points_bank_serial(serial)) OR is_double AND first)
        FROM (SELECT account, serial, is_double, count(*) FILTER (WHERE NOT is_double) OVER w AS n, row_number() OVER (w ORDER BY id) = 1 AS first
          FROM points_bank_line WINDOW w AS (PARTITION BY points_account_number(account), points_bank_serial(serial))) b""",
    "what is in payout is the open payouts": """
        SELECT count(*), count(*) FILTER (WHERE a.balance IS DISTINCT FROM coalesce(p.fen, 0)) FROM (SELECT id, balance FROM points_account WHERE kind = 13) a
        FULL JOIN (SELECT account_id, sum(amount_fen) AS fen FROM points_payout WHERE state IN (1, 2, 3) GROUP BY 1) p ON p.account_id = a.id""",
    "what is retained is the open disputes": """
        SELECT count(*), count(*) FILTER (WHERE a.balance IS DISTINCT FROM coalesce(r.fen, 0)) FROM (SELECT id, balance, coalesce(float_id, centre_id) AS whose FROM points_account WHERE kind = 14) a
        FULL JOIN (SELECT coalesce(s.float_id, s.id) AS whose, sum(t.held_fen) AS fen FROM points_retention t JOIN points_account s ON s.id = t.source_id
          WHERE t.decided_at IS NULL AND t.held_fen > 0 GROUP BY 1) r ON r.whose = a.whose""",
    "a dispute is what was set apart for it, and its decision": """
        SELECT count(*), count(*) FILTER (WHERE s.kind NOT IN (4, 7) OR t.opened_at > t.decided_at OR t.held_fen < coalesce(m.fen, 0)
            OR (t.decide_journal_id IS NULL) <> (t.decided_at IS NULL OR t.held_fen = 0)
            OR t.decide_journal_id IS NOT NULL AND (d.points = t.held_fen AND d.kind = 13 AND d.credit_id = t.decided_to_id AND d.booked_at = t.decided_at) IS NOT TRUE)
        FROM points_retention t JOIN points_account s ON s.id = t.source_id
        LEFT JOIN (SELECT retention_id, -sum(amount_fen) AS fen, min(booked_on) AS first_on FROM points_movement WHERE kind = 1 GROUP BY 1) m ON m.retention_id = t.id
        LEFT JOIN points_transfer d ON d.id = t.decide_journal_id""",
    "what an award could not move is owed until it has moved": """
        SELECT count(*), count(*) FILTER (WHERE root_id IS NOT NULL AND (wanted_fen = was_owed AND awarded_to_id = was_to AND source_id = was_source AND opened_at = was_decided) IS NOT TRUE
            OR owed_fen > 0 AND is_last)
        FROM (SELECT t.*, lag(owed_fen) OVER w AS was_owed, lag(decided_to_id) OVER w AS was_to, lag(source_id) OVER w AS was_source, lag(decided_at) OVER w AS was_decided,
            lead(id) OVER w IS NULL AS is_last FROM points_retention t WINDOW w AS (PARTITION BY coalesce(root_id, id) ORDER BY id)) t""",
    "a payout went the way that its state says": """
        SELECT count(*), count(*) FILTER (WHERE a.kind <> 13 OR coalesce(a.float_id, a.centre_id) <> coalesce(s.float_id, s.id) OR s.kind NOT IN (4, 7, 8)
            OR (o.points = p.amount_fen AND o.booked_at = p.opened_at) IS NOT TRUE
            OR p.statement_id IS NOT NULL AND (t.account_id = p.source_id AND t.paid_fen = p.amount_fen AND t.journal_id = p.journal_id) IS NOT TRUE
            OR p.end_journal_id IS NOT NULL AND (e.points = p.amount_fen AND e.booked_at = p.ended_at AND e.credit_id = CASE WHEN p.state = 6 THEN p.source_id WHEN z.n > 0 THEN 3 ELSE 1 END
              AND e.kind = CASE WHEN p.state = 6 THEN 11 WHEN z.n > 0 THEN 19 ELSE 12 END) IS NOT TRUE
            OR p.return_journal_id IS NOT NULL AND (r.points <= p.amount_fen AND r.booked_at = p.returned_at AND r.kind = 20 AND r.credit_id = p.source_id) IS NOT TRUE
            OR l.debits <> (p.state IN (4, 5))::integer OR l.credits <> (p.state = 5)::integer OR l.others > 0)
        FROM points_payout p LEFT JOIN points_account a ON a.id = p.account_id LEFT JOIN points_account s ON s.id = p.source_id LEFT JOIN points_statement t ON t.id = p.statement_id
        LEFT JOIN points_transfer o ON o.journal_id = p.journal_id AND o.credit_id = p.account_id AND o.kind IN (11, 19)
        LEFT JOIN points_transfer e ON e.id = p.end_journal_id AND e.debit_id = p.account_id LEFT JOIN points_transfer r ON r.id = p.return_journal_id AND r.debit_id = 2
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM points_bank_line b WHERE b.payout_id = p.id AND b.reassign_journal_id IS NOT NULL) z
        CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE b.amount_fen = -p.amount_fen) AS debits, count(*) FILTER (WHERE b.amount_fen > 0 AND b.allot_journal_id = p.return_journal_id) AS credits,
            count(*) FILTER (WHERE b.amount_fen NOT BETWEEN -p.amount_fen AND p.amount_fen OR b.amount_fen > 0 AND b.allot_journal_id IS DISTINCT FROM p.return_journal_id) AS others
          FROM points_bank_line b WHERE b.payout_id = p.id) l""",
    "what moved an account between two clearings has its journal": """
        SELECT count(*), count(*) FILTER (WHERE m.journal_id IS NULL OR t.id IS NULL OR t.xid <> m.xid OR t.booked_on <> m.booked_on
            OR m.amount_fen <> CASE m.account_id WHEN t.credit_id THEN t.points WHEN t.debit_id THEN -t.points END
            OR t.kind <> (ARRAY[13, 13, 11, 20, 17])[m.kind] OR (m.retention_id IS NULL) <> (m.kind > 2) OR (m.payout_id IS NULL) <> (m.kind NOT IN (3, 4))
            OR m.kind = 2 AND m.journal_id <> d.decide_journal_id OR m.kind = 3 AND m.journal_id <> p.end_journal_id OR m.kind = 4 AND m.journal_id <> p.return_journal_id
            OR m.kind = 1 AND d.source_id <> m.account_id)
        FROM points_movement m LEFT JOIN points_retention d ON d.id = m.retention_id LEFT JOIN points_payout p ON p.id = m.payout_id
        FULL JOIN (SELECT t.* FROM points_transfer t JOIN points_account a ON a.id = t.debit_id LEFT JOIN points_account c ON c.id = t.credit_id
          WHERE t.wallet_id = 0 AND (t.kind = 13 AND (t.id = t.journal_id AND a.kind IN (4, 7) OR c.kind IN (4, 7)) OR t.kind = 11 AND a.kind = 13 AND c.kind IN (4, 7)
            OR t.kind = 20 AND c.kind IN (4, 7) OR t.kind = 17 AND a.kind = 3 AND c.kind = 4)) t ON t.id = m.journal_id""",
    "statements follow each other, and no day is cleared out of turn": """
        SELECT count(*), count(*) FILTER (WHERE s.opening_fen <> coalesce(s.before_fen, 0) OR s.since_on IS DISTINCT FROM s.before_on OR s.xid <= coalesce(s.before_xid, 0)
            OR s.mark < coalesce(s.before_mark, 0) OR s.mark <= coalesce(s.before_xid, 0) OR s.mark > s.xid OR a.kind NOT IN (4, 7) OR c.cleared_on IS NULL OR s.booked_at < c.started_at
            OR c.cleared_on >= (c.started_at AT TIME ZONE 'Asia/Shanghai')::date OR c.finished_at < c.started_at)
        FROM points_clearing c LEFT JOIN (SELECT s.*, lag(s.closing_fen) OVER w AS before_fen, lag(s.cleared_on) OVER w AS before_on, lag(s.xid) OVER w AS before_xid, lag(s.mark) OVER w AS before_mark
          FROM points_statement s WINDOW w AS (PARTITION BY s.account_id ORDER BY s.cleared_on)) s USING (cleared_on) LEFT JOIN points_account a ON a.id = s.account_id""",
    "each figure of a statement is the sum of its journals": """
        SELECT count(*), count(*) FILTER (WHERE s.proceeds_fen <> coalesce(y.trade, 0) OR s.returned_fen <> coalesce(y.returned, 0)
            OR s.retained_fen <> coalesce(j.retained, 0) - coalesce(y.retained, 0) OR s.claims_fen <> coalesce(j.claims, 0)
            OR s.bills_fen + s.standing_fen <> coalesce(j.to_float, 0) OR s.paid_fen <> coalesce(j.paid, 0)
            OR j.booked_at <> s.booked_at OR j.xid <> s.xid)
        FROM points_statement s
        LEFT JOIN (
          -- What the run itself booked out of the account, in the statement's own journal.
          SELECT t.journal_id, t.debit_id, sum(t.points) FILTER (WHERE t.kind = 13) AS retained, sum(t.points) FILTER (WHERE t.kind = 18) AS claims, sum(t.points) FILTER (WHERE t.kind = 11 AND c.kind = 3) AS to_float,
            sum(t.points) FILTER (WHERE t.kind = 11 AND c.kind = 13) AS paid, max(t.booked_at) AS booked_at, max(t.xid) AS xid
          FROM points_transfer t JOIN points_account c ON c.id = t.credit_id
          WHERE t.bucket = -1 AND t.wallet_id = 0 AND t.kind IN (11, 13, 18) GROUP BY 1, 2) j ON j.journal_id = s.journal_id AND j.debit_id = s.account_id
        LEFT JOIN (
          -- Everything else on the account, given to the first statement whose mark and day let it in.
          SELECT z.statement_id, sum(z.amount) FILTER (WHERE z.moved IS NULL) AS trade, sum(z.amount) FILTER (WHERE z.moved IN (3, 4, 5)) AS returned, sum(z.amount) FILTER (WHERE z.moved IN (1, 2)) AS retained
          FROM (
            SELECT v.amount, m.kind AS moved, f.id AS statement_id FROM points_transfer t
            CROSS JOIN LATERAL (VALUES (t.debit_id, -(t.points + t.rest)), (t.credit_id, t.points), (t.rest_id, t.rest)) v(id, amount)
            JOIN points_account a ON a.id = v.id AND a.kind IN (4, 7)
            LEFT JOIN points_movement m ON m.journal_id = t.id AND m.account_id = a.id
            JOIN LATERAL (SELECT x.id FROM points_statement x WHERE x.account_id = a.id AND x.cleared_on >= t.booked_on AND x.mark > t.xid ORDER BY x.cleared_on LIMIT 1) f ON true
            WHERE NOT EXISTS (SELECT FROM points_statement o WHERE o.account_id = a.id AND o.journal_id = t.journal_id)) z GROUP BY 1) y ON y.statement_id = s.id""",
    "the guards of the history are on": """
        SELECT count(*), count(*) FILTER (WHERE g.tgname IS NULL OR g.tgenabled <> 'O') FROM (
          SELECT c.oid, v.name FROM pg_class c CROSS JOIN (VALUES ('points_immutable'), ('points_kept')) v(name)
          WHERE c.oid IN (SELECT unnest(ARRAY['points_transfer', 'points_sale', 'points_lot_use', 'points_key', 'points_award', 'points_trace', 'points_hold', 'points_hold_lot',
            'points_refund', 'points_refund_award', 'points_referral', 'points_reward', 'points_reward_back', 'points_kept_fee']::regclass[])
            UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY (ARRAY['points_transfer', 'points_sale', 'points_lot_use']::regclass[]))) t
        LEFT JOIN pg_trigger g ON g.tgrelid = t.oid AND g.tgname = t.name""",
    "a bonus is one transfer from the payer of its rule, as its reckoning says": """
        SELECT count(*), count(*) FILTER (WHERE a.sale_id IS NULL OR a.points > 0 AND t.id IS NULL OR a.points <> coalesce(t.points, 0) OR a.points > 0 AND (
            t.debit_id <> a.payer_id OR t.credit_id <> a.wallet_id OR t.journal_id <> a.sale_id OR t.wallet_id <> a.wallet_id OR t.reverses_id IS NOT NULL
            OR a.is_pending <> (t.matures_on > least((t.event_at AT TIME ZONE 'Asia/Shanghai')::date, (t.booked_at AT TIME ZONE 'Asia/Shanghai')::date)))
          OR r.id IS NULL OR v.rule_id <> a.rule_id OR r.payer_id <> a.payer_id OR v.state NOT IN ('approved', 'live', 'ended')
          OR s.id IS NULL OR s.wallet_id <> a.wallet_id OR s.kind <> 1 OR s.reason <> CASE WHEN l.state = 3 THEN 2 ELSE 0 END OR a.on_day <> (s.event_at AT TIME ZONE 'Asia/Shanghai')::date
          OR s.event_at < v.starts_at OR a.is_outside <> (p.kind = 11 OR CASE p.kind WHEN 3 THEN p.id ELSE p.float_id END <> s.float_id)
          OR a.is_loss <> (v.definition ? 'loss' AND v.definition -> 'loss' <> 'null')
          OR a.is_saved <> (coalesce((v.definition -> 'scope' ->> 'stamp_every')::bigint, 0) > 0 OR coalesce(v.definition -> 'effect' ->> 'to', 'member') <> 'member')
          OR w.step IS NULL OR (w.step ->> 2)::bigint <> a.points)
          + (SELECT count(*) FROM points_trace c LEFT JOIN points_sale s ON s.id = c.sale_id WHERE s.wallet_id IS DISTINCT FROM c.wallet_id)
          + (SELECT count(*) FROM points_visit c LEFT JOIN points_sale s ON s.id = c.sale_id WHERE s.wallet_id IS DISTINCT FROM c.wallet_id OR s.float_id <> c.float_id)
        FROM (SELECT * FROM points_award WHERE journal_id = sale_id) a
        FULL JOIN (SELECT * FROM points_transfer WHERE kind = 8 AND reverses_id IS NULL) t ON t.id = a.transfer_id
        LEFT JOIN rules_version v ON v.id = a.version_id LEFT JOIN rules_rule r ON r.id = v.rule_id LEFT JOIN points_account p ON p.id = a.payer_id
        LEFT JOIN points_sale s ON s.id = a.sale_id
        LEFT JOIN points_awaited l ON l.sale_id = a.sale_id
        LEFT JOIN (SELECT c.sale_id, x.step FROM points_trace c LEFT JOIN points_awaited l ON l.sale_id = c.sale_id, jsonb_array_elements(coalesce(l.facts -> 'steps', c.steps)) x(step)) w
          ON w.sale_id = a.sale_id AND (w.step ->> 0)::bigint = a.version_id""",
    "bonuses of a promised sale come once, when it is paid, and never more than was told": """
        SELECT count(*), count(*) FILTER (WHERE l.sale_id IS NULL OR p.sale_id IS NULL OR l.wallet_id <> p.wallet_id OR l.told <> d.told
          OR (l.state = 1) <> (p.state = 1) OR (l.state IN (2, 3)) <> (p.state = 2) OR l.points <> coalesce(a.points, 0)
          OR a.sale_id IS NOT NULL AND (l.state <> 3 OR a.bad > 0) OR p.settled_at > l.settled_at OR l.state = 4 AND p.settled_at <> l.settled_at
          OR EXISTS (SELECT FROM jsonb_array_elements(l.facts -> 'steps') x(step) WHERE NOT EXISTS (SELECT FROM points_trace c, jsonb_array_elements(c.steps) y(step)
            WHERE c.sale_id = l.sale_id AND y.step -> 0 = x.step -> 0 AND (y.step -> 4 ? 'every' OR (y.step ->> 2)::bigint >= (x.step ->> 2)::bigint))))
          + (SELECT count(*) FROM (VALUES ('points_promise_ends')) v(name) WHERE NOT EXISTS (SELECT FROM pg_trigger g
            WHERE g.tgrelid = 'points_promise'::regclass AND g.tgname = v.name AND g.tgenabled = 'O'))
        FROM points_awaited l
        FULL JOIN (SELECT c.sale_id, sum((x.step ->> 2)::bigint) AS told FROM points_trace c JOIN points_promise USING (sale_id), jsonb_array_elements(c.steps) x(step)
          WHERE (x.step ->> 2)::bigint > 0 OR x.step -> 4 ? 'every' AND x.step ->> 1 IN ('applied', 'clipped', 'refused', 'stamps_missing') AND (x.step -> 4 ->> 'units')::bigint > 0 GROUP BY 1) d
          ON d.sale_id = l.sale_id
        LEFT JOIN points_promise p ON p.sale_id = l.sale_id
        LEFT JOIN (SELECT z.sale_id, sum(z.points) AS points, count(*) FILTER (WHERE t.event_at <> y.settled_at OR t.booked_at < y.settled_at) AS bad FROM points_award z JOIN points_awaited y USING (sale_id)
          LEFT JOIN points_transfer t ON t.id = z.transfer_id WHERE z.journal_id = z.sale_id GROUP BY 1) a ON a.sale_id = l.sale_id""",
    "what stays of a sale by line is a part of its lines, and covers what earns yet": """
        SELECT count(*), count(*) FILTER (WHERE c.sale_id IS NULL OR jsonb_array_length(r.kept_lines) <> jsonb_array_length(c.facts -> 'lines') OR n.bad > 0 OR n.earns < r.kept_eligible)
        FROM (SELECT * FROM points_reversal WHERE kept_lines IS NOT NULL) r LEFT JOIN points_trace c ON c.sale_id = r.sale_id
        LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE ((x.line ->> 0)::bigint BETWEEN 0 AND (o.line ->> 2)::bigint AND (x.line ->> 1)::bigint BETWEEN 0 AND (o.line ->> 3)::bigint) IS NOT TRUE) AS bad,
            sum((x.line ->> 0)::bigint) FILTER (WHERE (o.line ->> 4)::boolean) AS earns
          FROM jsonb_array_elements(r.kept_lines) WITH ORDINALITY x(line, i) JOIN jsonb_array_elements(c.facts -> 'lines') WITH ORDINALITY o(line, i) USING (i)) n ON true""",
    "a bonus is undone by what took it back, and never more than it was": """
        SELECT (SELECT count(*) FROM points_award), count(*) FILTER (WHERE b.sale_id IS NULL OR o.sale_id IS NULL OR b.all_points > o.points OR b.all_stamps > o.stamps
          OR (b.rule_id, b.wallet_id, b.payer_id, b.on_day, b.is_outside, b.is_loss, b.is_saved, b.is_pending)
            <> (o.rule_id, o.wallet_id, o.payer_id, o.on_day, o.is_outside, o.is_loss, o.is_saved, o.is_pending)
          OR b.transfer_id IS NOT NULL AND (t.id IS NULL OR t.reverses_id <> o.transfer_id OR t.journal_id <> b.journal_id OR t.points < b.points)
          OR b.transfer_id IS NULL AND t.id IS NOT NULL)
        FROM (SELECT *, -sum(points) OVER mine AS all_points, -sum(stamps) OVER mine AS all_stamps FROM points_award WHERE journal_id <> sale_id
          WINDOW mine AS (PARTITION BY sale_id, version_id)) b
        LEFT JOIN points_award o ON o.sale_id = b.sale_id AND o.version_id = b.version_id AND o.journal_id = o.sale_id
        FULL JOIN (SELECT * FROM points_transfer WHERE kind = 8 AND reverses_id IS NOT NULL) t ON t.id = b.transfer_id""",
    "what limits count is what rules gave": """
        SELECT count(*), count(*) FILTER (WHERE coalesce(u.points, 0) <> coalesce(g.points, 0) OR coalesce(u.stamps, 0) <> coalesce(g.stamps, 0))
        FROM points_award_used u FULL JOIN (
          SELECT a.rule_id, v.wallet_id, v.on_day, sum(a.points) AS points, sum(CASE WHEN v.wallet_id = 0 THEN 0 ELSE a.stamps END) AS stamps FROM points_award a
          CROSS JOIN LATERAL (VALUES (0::bigint, '2000-01-01'::date), (0, a.on_day), (a.wallet_id, '2000-01-01'), (a.wallet_id, a.on_day)) v(wallet_id, on_day)
          GROUP BY 1, 2, 3) g ON g.rule_id = u.rule_id AND g.wallet_id = u.wallet_id AND g.on_day = u.on_day
        WHERE coalesce(u.on_day, g.on_day) = '2000-01-01' OR coalesce(u.on_day, g.on_day) >= (SELECT before_on FROM points_award_pruned)""",
    "what a wallet was given by others is the sum of their bonuses, its shares of the surplus and rewards": """
        SELECT count(*), count(*) FILTER (WHERE w.rewarded <> coalesce(g.points, 0) + coalesce(s.points, 0) - coalesce(c.points, 0) + coalesce(r.points, 0)) FROM points_wallet w
        LEFT JOIN (SELECT z.member_id, sum(z.points + z.inviter_points) AS points FROM points_reward z
          WHERE z.is_outside AND NOT EXISTS (SELECT FROM points_reward_back b WHERE b.reward_id = z.id) GROUP BY 1) r ON r.member_id = w.id
        LEFT JOIN (SELECT wallet_id, sum(points) AS points FROM points_award WHERE is_outside AND NOT is_loss GROUP BY 1) g ON g.wallet_id = w.id
        LEFT JOIN (SELECT wallet_id, sum(paid) AS points FROM points_surplus_share GROUP BY 1) s ON s.wallet_id = w.id
        LEFT JOIN (SELECT t.wallet_id, sum(a.points) AS points FROM points_refund_award a JOIN points_transfer t ON t.id = a.transfer_id AND t.kind = 14
          GROUP BY 1) c ON c.wallet_id = w.id""",
    "others give on a sale no more than it brings the alliance": """
        SELECT count(*), count(*) FILTER (WHERE a.points > points_credit_of(s.rebate_fen, 10000 - t.member_bps - t.centre_bps - t.promo_bps))
        FROM (SELECT sale_id, sum(points) AS points FROM points_award WHERE is_outside AND NOT is_loss AND NOT is_saved GROUP BY 1) a
        JOIN points_sale s ON s.id = a.sale_id JOIN points_terms t ON t.id = s.terms_id""",
    "a reward is one transfer to each of its two from its payer, under its key": """
        SELECT count(*), count(*) FILTER (WHERE r.id IS NULL OR t.id IS NULL OR t.points <> r.points OR t.wallet_id <> r.wallet_id OR t.credit_id <> r.wallet_id OR t.debit_id <> r.payer_id
            OR t.journal_id <> t.id OR t.actor <> r.actor OR (t.booked_at AT TIME ZONE 'Asia/Shanghai')::date NOT IN (r.on_day, r.on_day + 1) OR r.is_outside <> (a.kind = 11)
            OR r.is_first AND (t.booked_at <> r.booked_at OR k.n <> 1 OR k.backs <> r.backs OR k.bad > 0))
        FROM (SELECT v.*, z.id AS reward_id, z.payer_id, z.actor, z.on_day, z.is_outside, z.booked_at,
            (SELECT count(*) FROM points_reward_back b WHERE b.transfer_id = z.id AND b.refund_id IS NULL) AS backs
          FROM points_reward z CROSS JOIN LATERAL (VALUES (true, z.id, z.member_id, z.points), (false, z.inviter_transfer_id, z.inviter_id, z.inviter_points)) v(is_first, id, wallet_id, points)
          WHERE v.id IS NOT NULL) r
        FULL JOIN (SELECT * FROM points_transfer WHERE kind = 21 AND reverses_id IS NULL) t ON t.id = r.id
        LEFT JOIN points_account a ON a.id = r.payer_id
        LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE y.points > 0) AS n, count(*) FILTER (WHERE y.points < 0) AS backs,
            count(*) FILTER (WHERE abs(y.points) <> r.points OR y.wallet_id <> r.wallet_id OR y.status <> 0 OR y.spent <> 0 OR y.rest <> 0 OR y.balance_after IS NULL
              OR y.points > 0 AND (y.booked_at <> r.booked_at OR y.figure IS NOT NULL OR y.balance_after <> t.balance_after)
              OR y.points < 0 AND NOT EXISTS (
                SELECT FROM points_reward_back b WHERE b.reward_id = r.reward_id HAVING min(b.booked_at) = y.booked_at AND sum(b.owed) = y.figure)) AS bad
          FROM points_key y WHERE y.sale_id = r.id) k ON true""",
    "a reward that was taken back went back whole: taken, charged or owed, both parts": """
        SELECT (SELECT count(*) FROM points_reward_back) + (SELECT count(*) FROM points_referral), count(*) FILTER (WHERE b.reward_id IS NULL OR z.id IS NULL
            OR b.n <> 1 + (z.inviter_id IS NOT NULL)::integer OR b.points <> z.points + z.inviter_points OR b.wrong > 0 OR b.acts <> 1)
          + (SELECT count(*) FROM points_transfer t LEFT JOIN points_reward_back b ON b.red_id = t.id WHERE t.kind = 21 AND t.reverses_id IS NOT NULL
              AND (b.transfer_id IS DISTINCT FROM t.reverses_id OR b.taken <> -t.points OR b.wallet_id <> t.wallet_id OR b.actor <> t.actor))
          + (SELECT count(*) FROM points_claim c WHERE c.why = 5 AND NOT EXISTS (SELECT FROM points_reward_back b WHERE b.reward_id = c.reward_id AND b.wallet_id = c.debtor_id))
        FROM (SELECT b.reward_id, count(*) AS n, sum(b.points) AS points, count(DISTINCT (coalesce(b.refund_id, 0), b.booked_at, b.actor)) AS acts, count(*) FILTER (WHERE
              b.transfer_id NOT IN (z.id, coalesce(z.inviter_transfer_id, 0)) OR b.wallet_id <> CASE b.transfer_id WHEN z.id THEN z.member_id ELSE z.inviter_id END
              OR b.points <> CASE b.transfer_id WHEN z.id THEN z.points ELSE z.inviter_points END
              OR b.red_id IS NOT NULL AND (t.reverses_id = b.transfer_id AND -t.points = b.taken) IS NOT TRUE
              OR b.refund_id IS NOT NULL AND (f.wallet_id = z.member_id AND z.is_outside) IS NOT TRUE
              OR b.charge_id IS NOT NULL AND (x.kind = 9 AND x.points = b.charged AND x.debit_id = f.float_id AND x.credit_id = z.payer_id) IS NOT TRUE
              OR b.owed <> (SELECT coalesce(sum(c.points), 0) FROM points_claim c WHERE c.reward_id = b.reward_id AND c.debtor_id = b.wallet_id)) AS wrong
          FROM points_reward_back b LEFT JOIN points_reward z ON z.id = b.reward_id LEFT JOIN points_transfer t ON t.id = b.red_id AND t.kind = 21
          LEFT JOIN points_refund f ON f.refund_id = b.refund_id LEFT JOIN points_transfer x ON x.id = b.charge_id GROUP BY 1) b
        LEFT JOIN points_reward z ON z.id = b.reward_id""",
    "who was invited had bought nothing before, and one inviter is paid": """
        SELECT count(*), count(*) FILTER (WHERE r.invitee_id = r.inviter_id OR EXISTS (
            SELECT FROM points_transfer t LEFT JOIN points_reversal v ON v.sale_id = t.journal_id WHERE t.bucket = (r.invitee_id % 64)::smallint AND t.wallet_id = r.invitee_id
              AND t.kind = 1 AND t.reverses_id IS NULL AND coalesce(v.kept_bill, 1) > 0 AND t.booked_at < r.invited_at))
          + (SELECT count(*) FROM points_reward z LEFT JOIN points_referral y ON y.invitee_id = z.member_id AND y.inviter_id = z.inviter_id
              WHERE z.kind = 1 AND (y.invitee_id IS NULL OR z.booked_at < y.invited_at))
        FROM points_referral r""",
    "each day's proof hangs on the one before it and says what was owed": """
        SELECT count(*), count(*) FILTER (WHERE z.chain <> points_proof_chain(z.before, z.taken_on, z.root, z.total_points, z.figures)
            OR z.wallets <> (f->>'wallets')::bigint OR z.custody_fen <> (f->>'custody_fen')::bigint OR z.taken_on <> (f->>'on')::date
            OR z.bank_on IS DISTINCT FROM (f->>'bank_on')::date
            OR z.total_points <> (SELECT sum(value::bigint) FROM json_each_text(f->'points'))
            OR z.custody_fen <> z.total_points + (SELECT sum(value::bigint) FROM json_each_text(f->'owed_fen'))
              + (SELECT sum(value::bigint) FROM json_each_text(f->'own_fen')))
          + (SELECT count(*) FROM (VALUES ('points_immutable'), ('points_kept'), ('points_proof_joins')) v(name) WHERE NOT EXISTS (
              SELECT FROM pg_trigger g WHERE g.tgrelid = 'points_proof'::regclass AND g.tgname = v.name AND g.tgenabled = 'O'))
        FROM (SELECT *, lag(chain) OVER (ORDER BY taken_on) AS before, figures::json AS f FROM points_proof) z""",
    "a proof's buckets make its root and its total": """
        SELECT count(*), count(*) FILTER (WHERE b.n <> 64 OR b.wallets <> p.wallets OR t.root IS DISTINCT FROM p.root
            OR t.total IS DISTINCT FROM p.total_points)
        FROM points_proof p JOIN (SELECT taken_on, count(*) AS n, sum(wallets) AS wallets FROM points_proof_bucket GROUP BY 1) b USING (taken_on)
        CROSS JOIN LATERAL points_proof_top(p.taken_on) t""",
    "each seal hangs on the day before, no day and bucket is missing, and proofs carry them": """
        SELECT (SELECT count(*) FROM points_seal), (SELECT count(*) FROM (
              SELECT sealed_on, bucket, rows, digest, chain, lag(chain) OVER b AS before, lag(sealed_on) OVER b AS day_before FROM points_seal
              WINDOW b AS (PARTITION BY bucket ORDER BY sealed_on)) z
            WHERE z.chain <> points_seal_chain(z.before, z.sealed_on, z.bucket, z.rows, z.digest) OR z.day_before <> z.sealed_on - 1)
          + (SELECT count(*) FROM (SELECT sealed_on FROM points_seal GROUP BY 1 HAVING count(*) <> 65 OR max(sealed_at) <> min(sealed_at)
              OR min(sealed_at) < (sealed_on + 1)::timestamp AT TIME ZONE 'Asia/Shanghai') z)
          + (SELECT count(*) FROM points_transfer WHERE booked_at < (SELECT min(sealed_on)::timestamp AT TIME ZONE 'Asia/Shanghai' FROM points_seal))
          + (SELECT count(*) FROM points_proof p WHERE p.figures::json->'seal'->>'root'
              IS DISTINCT FROM encode(points_seal_root((p.figures::json->'seal'->>'on')::date), 'hex'))
          + (SELECT count(*) FROM (VALUES ('points_immutable'), ('points_kept')) v(name) WHERE NOT EXISTS (
              SELECT FROM pg_trigger g WHERE g.tgrelid = 'points_seal'::regclass AND g.tgname = v.name AND g.tgenabled = 'O'))""",
    "flows by day are what moved in wallets, up to their mark": f"""
        SELECT count(*), count(*) FILTER (WHERE f.points IS DISTINCT FROM g.points OR f.n IS DISTINCT FROM g.n)
          + (SELECT count(*) FROM (SELECT coalesce(sum(points), 0) AS s FROM points_flow_day) z WHERE s <> (SELECT coalesce(sum({_SIGNED}), 0)
              FROM points_transfer t WHERE t.wallet_id > 0 AND t.xid < (SELECT xid FROM points_mark WHERE name = 'flow')))
          + (SELECT count(*) FROM points_transfer t WHERE t.wallet_id > 0 AND coalesce(points_flow_class(t.kind), 0) = 0)
        FROM points_flow_day f FULL JOIN points_flow_lines(0, (SELECT xid FROM points_mark WHERE name = 'flow')) g
          USING (booked_on, class, is_back, cohort_on, origin)""",
    "a closing shares pro rata, rounded down, never above the credit, and what was taken": """
        SELECT count(*), count(*) FILTER (WHERE c.points <> s.points OR c.paid <> s.paid OR c.members <> s.n OR c.points > least(c.pool_fen, c.credit)
            OR s.wrong > 0 OR (c.finished_at IS NOT NULL) <> (s.waiting = 0))
          + (SELECT count(*) FROM (SELECT sum(breakage_fen) AS breakage, sum(buffer_fen) AS buffer FROM points_surplus_closing) z WHERE
              coalesce(z.breakage, 0) <> (SELECT coalesce(sum(points), 0) FROM points_transfer WHERE kind = 14 AND debit_id = 5)
              OR coalesce(z.buffer, 0) <> (SELECT coalesce(sum(points), 0) FROM points_transfer WHERE kind = 14 AND debit_id = 4))
        FROM points_surplus_closing c CROSS JOIN LATERAL (
          SELECT count(*) AS n, coalesce(sum(x.points), 0) AS points, coalesce(sum(x.paid), 0) AS paid, count(*) FILTER (WHERE x.paid IS NULL) AS waiting,
            count(*) FILTER (WHERE x.points <> floor(least(c.pool_fen, c.credit)::numeric * x.credit / c.credit)) AS wrong
          FROM points_surplus_share x WHERE x.closing_id = c.id) s""",
    "patronage points are the shares that were paid": """
        SELECT count(*), count(*) FILTER (WHERE s.transfer_id IS NULL OR t.id IS NULL OR t.points <> s.paid OR t.wallet_id <> s.wallet_id
            OR t.debit_id <> 6 OR s.bucket <> s.wallet_id % 64)
        FROM (SELECT * FROM points_surplus_share WHERE paid > 0) s
        FULL JOIN (SELECT id, wallet_id, debit_id, points FROM points_transfer WHERE kind = 14 AND wallet_id > 0) t ON t.id = s.transfer_id""",
    "opening balances are the lines of their file, with the money of its bank line": """
        SELECT count(*), count(*) FILTER (WHERE o.lines <> l.n OR o.points <> l.points OR l.wrong > 0 OR (o.finished_at IS NOT NULL) <> (l.waiting = 0)
            OR o.account_id IS NOT NULL AND (b.allotted_to_id IS DISTINCT FROM o.account_id OR b.amount_fen < o.points)
            OR l.paid > 0 AND o.account_id IS NULL)
          + (SELECT count(*) FROM points_transfer t LEFT JOIN points_opening_line x ON x.transfer_id = t.id WHERE t.kind = 16 AND x.no IS NULL)
        FROM points_opening o LEFT JOIN points_bank_line b ON b.id = o.bank_line_id CROSS JOIN LATERAL (
          SELECT count(*) AS n, coalesce(sum(x.points), 0) AS points, count(*) FILTER (WHERE x.transfer_id IS NULL) AS waiting,
            count(*) FILTER (WHERE x.transfer_id IS NOT NULL) AS paid,
            count(*) FILTER (WHERE x.bucket <> x.wallet_id % 64 OR x.transfer_id IS NOT NULL AND (t.id IS NULL OR t.kind <> 16 OR t.points <> x.points
              OR t.credit_id <> x.wallet_id OR t.debit_id IS DISTINCT FROM o.account_id OR t.expires_on <> x.expires_on)) AS wrong
          FROM points_opening_line x LEFT JOIN points_transfer t ON t.id = x.transfer_id WHERE x.opening_id = o.id) l""",
    "after a closing mode points went to their funders, and after its end none is left": """
        SELECT (SELECT count(*) FROM points_winding) + (SELECT count(*) FROM points_transfer WHERE kind = 17 AND wallet_id > 0),
          (SELECT count(*) FROM points_transfer t LEFT JOIN points_lot_use u ON u.transfer_id = t.id LEFT JOIN points_account a ON a.id = t.credit_id
            WHERE t.kind = 17 AND t.wallet_id > 0 AND (u.funder_id IS DISTINCT FROM t.credit_id OR u.points <> t.points OR NOT EXISTS (
              SELECT FROM points_winding w WHERE w.spend_ends_on < (t.booked_at AT TIME ZONE 'Asia/Shanghai')::date AND (w.scope = 1 OR EXISTS (
                SELECT FROM points_winding_float f WHERE f.winding_id = w.id AND f.float_id IN (a.id, a.float_id))))))
          + (SELECT count(*) FROM points_winding w JOIN points_lot l ON l.remaining > 0 JOIN points_account a ON a.id = l.funder_id WHERE w.ended_at IS NOT NULL
            AND (w.scope = 1 OR EXISTS (SELECT FROM points_winding_float f WHERE f.winding_id = w.id AND f.float_id IN (a.id, a.float_id))))
          + (SELECT count(*) FROM points_winding w JOIN points_transfer t ON t.kind = 1 AND t.points > 0 AND w.scope = 1
              AND (t.event_at AT TIME ZONE 'Asia/Shanghai')::date > w.issue_ends_on)""",
    "nothing expires once the issue of a closing mode has ended": """
        SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM points_winding w WHERE w.issue_ends_on < (t.booked_at AT TIME ZONE 'Asia/Shanghai')::date
            AND (w.scope = 1 OR EXISTS (SELECT FROM points_winding_float f WHERE f.winding_id = w.id AND f.float_id IN (a.id, a.float_id)))))
        FROM points_transfer t JOIN points_lot_use u ON u.bucket = t.bucket AND u.wallet_id = t.wallet_id AND u.booked_at = t.booked_at AND u.transfer_id = t.id
        JOIN points_account a ON a.id = u.funder_id WHERE t.kind = 3""",
    "a refund keeps back nothing that its funder has already": """
        SELECT (SELECT count(*) FROM points_refund), count(*) FROM points_refund r JOIN points_sale s ON s.id = r.refund_id
        CROSS JOIN LATERAL (SELECT coalesce((SELECT sum(t.points) FROM points_transfer t WHERE t.bucket = r.wallet_id % 64 AND t.wallet_id = r.wallet_id AND t.kind = 17
            AND t.credit_id = r.float_id AND t.booked_at < s.booked_at), 0)
          - coalesce((SELECT sum(x.home_own) FROM points_refund x WHERE x.wallet_id = r.wallet_id AND x.float_id = r.float_id AND x.refund_id <= r.refund_id), 0)
          - coalesce((SELECT sum(a.home) FROM points_refund x JOIN points_refund_award a USING (refund_id) WHERE x.wallet_id = r.wallet_id AND a.payer_id = r.float_id
            AND x.refund_id <= r.refund_id), 0) AS points) w
        WHERE r.short > r.home_own AND w.points > 0""",
    "a refund counts as back with its funder only what was wound up, and each point once": """
        SELECT (SELECT count(*) FROM points_refund), count(*) FILTER (WHERE h.points > coalesce(t.points, 0)) FROM (
          SELECT wallet_id, funder_id, sum(points) AS points FROM (
            SELECT wallet_id, float_id AS funder_id, home_own AS points FROM points_refund
            UNION ALL SELECT r.wallet_id, a.payer_id, a.home FROM points_refund_award a JOIN points_refund r USING (refund_id)) z WHERE points > 0 GROUP BY 1, 2) h
        LEFT JOIN (SELECT wallet_id, credit_id, sum(points) AS points FROM points_transfer WHERE kind = 17 AND wallet_id > 0 GROUP BY 1, 2) t
          ON t.wallet_id = h.wallet_id AND t.credit_id = h.funder_id""",
    "what expired went to breakage, or back to the budget or promotion credit it came from": """
        SELECT count(*), count(*) FILTER (WHERE t.credit_id <> CASE WHEN a.kind IN (11, 12) THEN u.funder_id ELSE 5 END)
        FROM points_transfer t JOIN points_lot_use u ON u.bucket = t.bucket AND u.wallet_id = t.wallet_id AND u.booked_at = t.booked_at AND u.transfer_id = t.id
        JOIN points_account a ON a.id = u.funder_id WHERE t.kind = 3""",
    "one merchant's money becomes another's by points that were spent or bonuses that were charged, not by clearing": """
        SELECT count(*), count(*) FILTER (WHERE f.float_id <> g.float_id AND t.kind NOT IN (9, 18)
            -- What two people awarded in a dispute.
            AND NOT (t.kind = 13 AND EXISTS (SELECT FROM points_retention d WHERE d.decide_journal_id = t.id AND d.decided_to_id = t.credit_id))) FROM points_transfer t
        JOIN (SELECT id, CASE kind WHEN 3 THEN id ELSE float_id END AS float_id FROM points_account) f ON f.id = t.debit_id
        JOIN (SELECT id, CASE kind WHEN 3 THEN id ELSE float_id END AS float_id FROM points_account) g ON g.id = t.credit_id
        WHERE t.bucket = -1 AND t.wallet_id = 0""",
    "the fee on points of returned purchases that were gone is kept once a month, above the share, by the terms": """
        SELECT count(*), count(*) FILTER (WHERE k.float_id IS NULL OR k.month + interval '1 month' > (k.kept_at AT TIME ZONE 'Asia/Shanghai')::date OR a.kind <> 3 OR a.closed_on < k.month + interval '1 month - 1 day'
            OR k.short <> coalesce(s.short, 0) OR k.issued <> greatest(0, coalesce(g.points, 0))
            OR k.fee <> CASE WHEN k.short::numeric * 10000 > k.issued::numeric * k.share_bps THEN s.fee ELSE 0 END
            OR k.taken <> coalesce(t.points, 0) OR t.debit_id <> k.float_id OR t.booked_at <> k.kept_at OR t.wallet_id <> 0 OR t.journal_id <> t.id
            OR c.why IS DISTINCT FROM (CASE WHEN k.taken < k.fee THEN 6 END) OR c.points <> k.fee - k.taken)
        FROM points_kept_fee k FULL JOIN (SELECT * FROM points_transfer WHERE kind = 9 AND credit_id = 3) t ON t.id = k.transfer_id
        LEFT JOIN points_account a ON a.id = k.float_id LEFT JOIN points_claim c ON c.id = k.claim_id
        LEFT JOIN (SELECT z.float_id, z.month, sum(z.short) AS short, sum(div(z.short * z.fee_bps, z.member_bps)) AS fee
          FROM (SELECT r.float_id, date_trunc('month', d.booked_on)::date AS month, m.fee_bps, m.member_bps, sum(r.short - r.home_own) AS short
            FROM points_refund r JOIN points_sale d ON d.id = r.refund_id JOIN points_terms m ON m.id = d.terms_id WHERE r.short > r.home_own GROUP BY 1, 2, 3, 4, m.id) z GROUP BY 1, 2) s
          ON s.float_id = k.float_id AND s.month = k.month
        LEFT JOIN (SELECT x.debit_id, date_trunc('month', x.booked_on)::date AS month, sum(x.points) AS points FROM points_transfer x WHERE x.kind IN (1, 15) GROUP BY 1, 2) g
          ON g.debit_id = k.float_id AND g.month = k.month""",
    SEALED: """
        SELECT sum(f.n), count(*) FILTER (WHERE s.digest IS DISTINCT FROM f.digest OR s.rows IS DISTINCT FROM f.n)
        FROM (SELECT DISTINCT sealed_on FROM points_seal ORDER BY 1 DESC LIMIT {days}) d CROSS JOIN LATERAL points_seal_digests(d.sealed_on) f
        LEFT JOIN points_seal s ON s.sealed_on = d.sealed_on AND s.bucket = f.bucket""",
}


def newest() -> Job | None:
    """Return the last nightly run that came to its end: done, or failed with `law_broken` and the laws in its result."""
    ended = Job.objects.filter(kind=KIND).exclude(state=Job.State.RUNNING)
    return ended.filter(Q(state=Job.State.DONE) | Q(result__code="law_broken")).order_by("-started_at").first()


def names() -> list[str]:
    return list(_LAWS)


def statements(*, all_seals: bool = False) -> list[str]:
    """Return what is asked: each answers with one row, how many rows it looked at and how many differ."""
    days = "ALL" if all_seals else str(sealing.RECENT_DAYS)
    return [text.format(days=days) if name == SEALED else text for name, text in _LAWS.items()]


def run(*only: str, all_seals: bool = False) -> Iterator[Check]:
    """Yield each law as it has been looked at; all in one snapshot. all_seals: read every sealed day again."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.savepoint_ids:
            # Inside somebody's transaction (a test) the snapshot is theirs.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Compiling these statements takes longer than running them.
        cursor.execute("SET LOCAL jit = off")
        for name, statement in zip(_LAWS, statements(all_seals=all_seals), strict=True):
            if not only or name in only:
                cursor.execute(statement)
                rows, differences = cursor.fetchone()
                yield Check(name, int(rows or 0), int(differences or 0))


def checks() -> list[Check]:
    return list(run())
