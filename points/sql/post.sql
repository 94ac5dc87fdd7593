-- Posting. One function for one bill and for many: p_* are arrays of equal length, one element per bill, in the order
-- in which they happened; a batch decides exactly as the same bills one after another would.
--
-- Locks, always in this order: wallets ascending → keys ascending (by inserting them) → floats ascending. Lots belong to
-- their locked wallet. A float that is plenty is taken last, in the same statement order, so that it is held for one
-- commit only; if it turns out too small after all, the call fails with 40001 and is repeated with p_patient.
-- A twin with the same key waits at the wallet (or, naming another wallet, at the key: 23505, repeated) and then reads the answer.
--
-- A transfer's matures_on is the day of its pending lot, or a day not after the event and the booking when the points were mature at once.
-- Status: 0 booked (with a figure: promised by a postpaid merchant, see promise.sql), 1 booked without points (float), 2 points short, 3 frozen,
-- 4 unknown wallet, 5 key reused, 50 the last day of spending is over (figure: what can still be spent).
CREATE TYPE points_line AS (
  key uuid, body uuid, wallet bigint, outlet bigint, event_at timestamptz, paid integer, eligible integer, spend integer, reference text,
  terms bigint, float_id bigint, proceeds bigint, fee_rest bigint, rest_id bigint,
  rate integer, member integer, spend_fee_bps integer, rebate integer, points integer, fee integer,
  booked_on date, promised date, matures date, expires date, due date, float_balance bigint, base timestamptz, ahead integer,
  -- set when the decision is made; base is then the wallet's time before the first transfer of the batch
  status smallint, earn_id bigint, spend_id bigint, seq bigint, at timestamptz, balance bigint, pending bigint, free bigint, is_last boolean, ord integer,
  -- kept: the operator's and the buffer's share of the rebate; credited: reward credit of this wallet's bills so far (G8)
  kept integer, credited bigint
);

-- The time of booking: the clock after the lock, or p_now for the owner (town, replay, tests), who alone could book into a
-- day that is sealed and may not.
CREATE OR REPLACE FUNCTION points_clock(p_now timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
  IF p_now IS NULL THEN RETURN clock_timestamp(); END IF;
  IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'only the owner may choose the time of booking' USING ERRCODE = '42501';
  END IF;
  IF (p_now AT TIME ZONE 'Asia/Shanghai')::date <= (SELECT max(sealed_on) FROM public.points_seal) THEN
    RAISE EXCEPTION 'that day is sealed' USING ERRCODE = '22023';
  END IF;
  RETURN p_now;
END $$;

-- One guard for times that callers give: finite, not before 2000, and not later than the clock and five minutes. The owner
-- who also chooses the time of booking (p_now) may be ahead of the clock.
-- What a sale adds to its buyer's reward credit (G8): eight tenths of what fee and buffer keep of its rebate, each rounded down.
CREATE OR REPLACE FUNCTION points_credit_of(p_rebate bigint, p_kept integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT p_rebate * p_kept / 10000 * 8 / 10
$$;

CREATE OR REPLACE FUNCTION points_check_event(p_event timestamptz, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (p_event >= '2000-01-01 00:00+00' AND p_event < '2200-01-01 00:00+00' AND (p_now IS NOT NULL OR p_event <= clock_timestamp() + interval '5 minutes')) IS NOT TRUE THEN
    RAISE EXCEPTION 'no such time' USING ERRCODE = '22023';
  END IF;
END $$;

-- One bill: plain statements, which PL/pgSQL runs faster than one with many parts. `points_post` calls it for a batch of one; a test proves that both are the same.
CREATE OR REPLACE FUNCTION points_post_one(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_wallet bigint, p_outlet bigint, p_rest bigint,
  p_event timestamptz, p_paid integer, p_eligible integer, p_spend integer, p_reference text,
  p_now timestamptz DEFAULT NULL, p_at_event boolean DEFAULT false, p_patient boolean DEFAULT false
) RETURNS TABLE (ord integer, status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  -- Scalars, not records: a field of a record is looked up by its name each time. Few assignments: PL/pgSQL prepares each
  -- expression anew in every transaction, while a statement that runs anyway takes one more column almost for nothing.
  w_balance bigint; w_free bigint; w_seq bigint; w_last timestamptz; w_open boolean; fits boolean; is_new boolean;
  t_id bigint; t_kept integer; t_float bigint; t_proceeds bigint; t_fee_rest bigint; t_rate integer; t_member integer; t_spend_fee integer;
  f_balance bigint; f_stripes smallint; rebate integer; fee integer;
  k points_key; r record;
  ts timestamptz; left_over bigint; x bigint; is_late boolean := false; is_drawn boolean := false; was_queued boolean := false; earns boolean := false; is_promised boolean := false;
  b64 smallint; today date; day date; promised date; matures date; due date; expires date; is_mature boolean;
  earn_id bigint; earn_at timestamptz; is_ending boolean; overs bigint[] := '{}'; w_usable bigint;
BEGIN
  -- 1 the wallet is locked
  SELECT z.balance, z.balance - z.pending - z.held, z.seq, z.last_at, z.frozen_at IS NULL
    INTO w_balance, w_free, w_seq, w_last, w_open FROM points_wallet z WHERE z.id = p_wallet FOR NO KEY UPDATE;
  ts := CASE WHEN p_now IS NULL THEN clock_timestamp() WHEN p_at_event THEN p_event ELSE p_now END;
  today := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  -- 2 in a new snapshot: whether the key is new, the terms, what the bill comes to, and what its rows will say.
  -- Row 41: the terms are those of the till's time; close, maturity and expiry count from the day on which the bill arrives.
  SELECT k.key IS NULL, t.id, 10000 - t.member_bps - t.centre_bps - t.promo_bps, t.float_id, t.proceeds_id, t.fee_rest_id, t.rate_bps, t.member_bps, t.spend_fee_bps,
      f.balance, f.stripes, b.rebate::integer, (b.rebate * t.member_bps / 10000)::integer, (p_spend::bigint * t.spend_fee_bps / 10000)::integer,
      greatest(today, f.closed_on + 1), today + t.matures_days, greatest(today, f.closed_on + 1) + t.holdback_days, t.matures_days = 0,
      CASE t.matures_days WHEN 0 THEN least((p_event AT TIME ZONE 'Asia/Shanghai')::date, today) ELSE today + t.matures_days END,
      (date_trunc('quarter', today + interval '24 months') + interval '3 months - 1 day')::date,
      greatest(ts, w_last + interval '1 microsecond'), (p_wallet % 64)::smallint, nextval('points_transfer_id'), 1, 0::smallint, false, p_spend,
      p_paid BETWEEN 0 AND 1000000000 AND p_spend BETWEEN 0 AND 1000000000 AND p_paid + p_spend > 0 AND p_eligible BETWEEN 0 AND p_paid
        AND p_spend::bigint * 10000 <= (p_paid::bigint + p_spend) * t.spend_share_bps AND p_outlet IS NOT NULL
        AND p_event >= t.valid_from AND p_event < coalesce(t.valid_to, '2200-01-01 00:00+00')
        AND (p_now IS NOT NULL OR p_event <= ts + interval '5 minutes')
        AND p_key IS NOT NULL AND p_body IS NOT NULL AND p_caller_kind IS NOT NULL AND p_caller_id IS NOT NULL AND length(p_actor) <= 40,
      p_spend > 0 AND EXISTS (SELECT FROM points_winding z WHERE z.spend_ends_on < today), w_free
    INTO is_new, t_id, t_kept, t_float, t_proceeds, t_fee_rest, t_rate, t_member, t_spend_fee,
      f_balance, f_stripes, rebate, points, fee, day, promised, due, is_mature, matures, expires, booked_at, b64, sale_id, ord, status, replayed, spent, fits,
      is_ending, w_usable
    FROM points_account a JOIN points_terms t ON t.id = a.terms_id JOIN points_account f ON f.id = t.float_id
      CROSS JOIN LATERAL (SELECT (p_eligible::bigint * t.rate_bps + 5000) / 10000 AS rebate) b
      LEFT JOIN points_key k ON k.caller_kind = p_caller_kind AND k.caller_id = p_caller_id AND k.key = p_key
    WHERE a.id = p_rest AND a.kind = 5;
  -- Points whose last day of spending is over (row 37) are left for their funders, whether or not the clock has taken them.
  IF is_ending THEN
    overs := points_over(today);
    w_usable := greatest(0, w_free - (SELECT coalesce(sum(z.remaining - z.held), 0) FROM points_lot z WHERE z.bucket = b64 AND z.wallet_id = p_wallet
      AND z.matures_on = '2000-01-01' AND (overs IS NULL OR z.funder_id = ANY (overs))));
  END IF;
  -- 3 the decision
  IF (fits AND is_new AND w_open AND p_spend <= w_usable) IS NOT TRUE THEN
    IF p_wallet IS NULL OR t_id IS NULL OR w_seq IS NOT NULL AND fits IS NOT TRUE THEN
      RAISE EXCEPTION 'not a bill of these terms' USING ERRCODE = '22023';
    END IF;
    booked_at := NULL; sale_id := NULL; points := 0; spent := 0; rest := 0;
    SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
    IF k.key IS NULL THEN
      status := CASE WHEN w_seq IS NULL THEN 4 WHEN NOT w_open THEN 3 WHEN p_spend > w_free THEN 2 ELSE 50 END;
      IF status IN (2, 50) THEN balance_after := w_balance; available_after := w_free; figure := w_usable; END IF;
      INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, balance_after, available_after, figure, status)
        VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, balance_after, available_after, figure, status);
    ELSIF k.body <> p_body OR k.wallet_id <> p_wallet THEN
      status := 5;
    ELSE
      RETURN QUERY SELECT 1, k.status, true, k.sale_id, k.booked_at, k.points, k.spent, k.rest, k.balance_after, k.available_after, k.figure;
      RETURN;
    END IF;
    RETURN NEXT;
    RETURN;
  END IF;
  rest := rebate - points;
  IF rebate > 0 THEN
    earns := true;
    is_late := NOT p_patient AND f_balance >= 4 * rebate::bigint;
    IF f_stripes > 0 AND NOT p_patient THEN
      -- A striped float (stripe.sql): this wallet's own allowance when it is plenty, else the row.
      is_drawn := coalesce((SELECT z.balance >= 4 * rebate::bigint FROM points_allowance z WHERE z.float_id = t_float AND z.stripe = p_wallet % f_stripes), false);
      is_late := is_late OR is_drawn;
    END IF;
    IF NOT is_late THEN
      UPDATE points_account SET balance = balance - rebate WHERE id = t_float AND balance >= rebate;
      IF NOT FOUND AND NOT points_take_gathered(t_float, rebate) THEN
        -- A postpaid merchant owes it (row 8): reckoned as agreed, nothing moves until it has paid. Else without points (row 3).
        figure := rebate; is_promised := points_take_line(t_float, rebate); earns := false;
        IF NOT is_promised THEN status := 1; points := 0; rest := 0; END IF;
      END IF;
    END IF;
  END IF;
  IF p_now IS NOT NULL THEN PERFORM points_clock(ts); END IF;
  -- 4 the writing
  balance_after := w_balance - p_spend + CASE WHEN earns THEN points ELSE 0 END;
  available_after := w_free - p_spend + CASE WHEN earns AND is_mature THEN points ELSE 0 END;
  earn_id := sale_id; earn_at := booked_at;
  IF p_spend > 0 THEN
    -- lots: begin
    left_over := p_spend;
    FOR r IN SELECT z.ctid AS tid, z.remaining - z.held AS remaining, z.lapses_on, z.funder_id, z.expires_on FROM points_lot z
        WHERE z.bucket = b64 AND z.wallet_id = p_wallet AND z.matures_on = '2000-01-01' AND z.remaining > z.held AND z.funder_id <> ALL (overs)
        ORDER BY z.lapses_on, z.funder_id, z.expires_on LOOP
      x := least(left_over, r.remaining);
      WITH u AS (UPDATE points_lot SET remaining = remaining - x WHERE ctid = r.tid)
      INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
        VALUES (b64, p_wallet, booked_at, sale_id, r.lapses_on, r.funder_id, r.expires_on, x);
      left_over := left_over - x;
      EXIT WHEN left_over = 0;
    END LOOP;
    IF left_over > 0 THEN RAISE EXCEPTION 'wallet % has fewer points in its lots than in its balance', p_wallet; END IF;
    -- lots: end
    w_seq := w_seq + 1;
    INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor,
        debit_id, credit_id, points, rest_id, rest, due_on, balance_after)
      VALUES (b64, p_wallet, booked_at, w_seq, sale_id, sale_id, 2, p_event, day, p_outlet, p_actor,
          p_wallet, t_proceeds, p_spend - fee, CASE WHEN fee > 0 THEN t_fee_rest END, fee, due, w_balance - p_spend);
    IF earns THEN earn_id := nextval('points_transfer_id'); earn_at := booked_at + interval '1 microsecond'; END IF;
  END IF;
  IF earns THEN
    -- lots: begin
    IF points > 0 THEN
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        VALUES (b64, p_wallet, CASE WHEN is_mature THEN '2000-01-01' ELSE promised END, expires, t_float, expires, points, points)
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
    END IF;
    -- lots: end
    w_seq := w_seq + 1;
    INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor,
        debit_id, credit_id, points, rest_id, rest, matures_on, expires_on, due_on, balance_after)
      VALUES (b64, p_wallet, earn_at, w_seq, earn_id, sale_id, 1, p_event, day, p_outlet, p_actor,
          t_float, p_wallet, points, CASE WHEN rest > 0 THEN p_rest END, rest, matures, expires, due, balance_after);
  END IF;
  INSERT INTO points_sale (outlet_id, booked_at, id, wallet_id, float_id, terms_id, event_at, booked_on, bill_fen, paid_fen, eligible_fen,
      rebate_fen, points, rest, spent_points, spend_fee, rate_bps, member_bps, spend_fee_bps, kind, reason, actor, reference)
    VALUES (p_outlet, booked_at, sale_id, p_wallet, t_float, t_id, p_event, day, p_paid + p_spend, p_paid, p_eligible,
      rebate, points, rest, p_spend, fee, t_rate, t_member, t_spend_fee, 1, CASE WHEN is_promised THEN 2 ELSE status END, p_actor, coalesce(p_reference, ''));
  IF is_promised THEN
    INSERT INTO points_promise (sale_id, outlet_id, booked_at, wallet_id, float_id, terms_id, rest_id, booked_on, matures_on, expires_on, points, rest,
        owed_after, limit_fen, state)
      SELECT v.*, l.owed_fen, l.limit_fen, 1
        FROM (VALUES (sale_id, p_outlet, booked_at, p_wallet, t_float, t_id, p_rest, day, promised, expires, points, rest)) v, points_credit_line l
        WHERE l.float_id = t_float;
  END IF;
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, figure, points, spent, rest, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, sale_id, booked_at, balance_after, available_after, figure, points, p_spend, rest, status);
  IF earns OR p_spend > 0 THEN
    UPDATE points_wallet SET balance = balance_after, pending = pending + CASE WHEN earns AND NOT is_mature THEN points ELSE 0 END, seq = w_seq,
      last_at = earn_at, credit = credit + CASE WHEN earns THEN points_credit_of(rebate, t_kept) ELSE 0 END WHERE id = p_wallet;
  END IF;
  -- 5 the float, when it was plenty
  IF is_drawn THEN
    UPDATE points_allowance z SET balance = z.balance - rebate WHERE z.float_id = t_float AND z.stripe = p_wallet % f_stripes AND z.balance >= rebate;
  ELSIF is_late THEN
    -- Ten milliseconds are more than this bill and somebody else's commit: a queue.
    UPDATE points_account z SET balance = z.balance - rebate WHERE z.id = t_float AND z.balance >= rebate
      RETURNING z.stripes > 0 OR p_now IS NULL AND z.balance >= 1024000 AND clock_timestamp() > ts + interval '10 milliseconds' INTO was_queued;
  END IF;
  IF is_late AND NOT FOUND THEN RAISE EXCEPTION 'float % ran short meanwhile', t_float USING ERRCODE = '40001'; END IF;
  IF was_queued THEN PERFORM points_tend(t_float, p_wallet, rebate); END IF;
  RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION points_post(
  p_caller_kind smallint, p_caller_id bigint, p_actor text,
  p_key uuid[], p_body uuid[], p_wallet bigint[], p_outlet bigint[], p_rest bigint[], p_event timestamptz[],
  p_paid integer[], p_eligible integer[], p_spend integer[], p_reference text[],
  p_now timestamptz DEFAULT NULL, p_at_event boolean DEFAULT false, p_patient boolean DEFAULT false
) RETURNS TABLE (ord integer, status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  mature CONSTANT date := '2000-01-01';
  n integer := cardinality(p_key);
  l points_line; ts timestamptz; left_over bigint; x bigint; all_fit boolean;
  w_ids bigint[]; w_bal bigint[]; w_pend bigint[]; w_free bigint[]; w_seq bigint[]; w_last timestamptz[]; w_frozen boolean[];
  lines points_line[]; sts smallint[]; figs bigint[]; bals bigint[]; frees bigint[]; f_ids bigint[]; f_need bigint[]; f_bal bigint[]; mixed bigint[];
  spends boolean; plain boolean; exact boolean := false; waits boolean; wi integer; fi integer;
BEGIN
  IF n IS NULL OR n = 0 THEN RETURN; END IF;
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_actor IS NULL OR length(p_actor) > 40 THEN
    RAISE EXCEPTION 'no caller' USING ERRCODE = '22023';
  END IF;
  IF p_at_event AND p_now IS NULL THEN RAISE EXCEPTION 'at_event needs now' USING ERRCODE = '22023'; END IF;

  IF n = 1 THEN
    RETURN QUERY SELECT * FROM points_post_one(p_caller_kind, p_caller_id, p_actor, p_key[1], p_body[1], p_wallet[1], p_outlet[1], p_rest[1], p_event[1],
      p_paid[1], p_eligible[1], p_spend[1], p_reference[1], p_now, p_at_event, p_patient);
    RETURN;
  END IF;
  IF n <> cardinality(p_body) OR n <> cardinality(p_wallet) OR n <> cardinality(p_outlet) OR n <> cardinality(p_rest) OR n <> cardinality(p_event)
     OR n <> cardinality(p_paid) OR n <> cardinality(p_eligible) OR n <> cardinality(p_spend) OR n <> cardinality(p_reference) THEN
    RAISE EXCEPTION 'arrays of different length' USING ERRCODE = '22023';
  END IF;
  -- The extremes speak for all, before any reckoning with days.
  PERFORM points_check_event(min(e), p_now), points_check_event(max(e), p_now) FROM unnest(p_event) e HAVING count(e) = n;
  IF NOT FOUND THEN RAISE EXCEPTION 'not a bill of these terms' USING ERRCODE = '22023'; END IF;
  -- 1 the wallets
  SELECT array_agg(s.id), array_agg(s.balance), array_agg(s.pending), array_agg(s.free), array_agg(s.seq), array_agg(s.last_at), array_agg(s.frozen)
    INTO w_ids, w_bal, w_pend, w_free, w_seq, w_last, w_frozen
    FROM (SELECT z.id, z.balance, z.pending, z.balance - z.pending - z.held AS free, z.seq, z.last_at, z.frozen_at IS NOT NULL AS frozen
      FROM points_wallet z WHERE z.id = ANY (p_wallet) ORDER BY z.id FOR NO KEY UPDATE) s;
  ts := points_clock(p_now);
  -- 2 keys, terms and what each bill comes to, in a new snapshot. LATERAL … LIMIT 1 pins index probes (a test keeps it).
  SELECT array_agg(q.line), array_agg(q.st), bool_or(q.st = 0 AND q.spend > 0), bool_and(q.st = 0), bool_and(q.fits OR q.st <> 0)
    INTO lines, sts, spends, plain, all_fit
    FROM (
      SELECT ROW(u.key, u.body, u.wallet, u.outlet, u.event_at, u.paid, u.eligible, u.spend, coalesce(u.reference, ''),
          u.terms, u.float_id, u.proceeds, u.fee_rest, u.rest_id, u.rate, u.member, u.spend_fee_bps,
          u.rebate, u.rebate * u.member / 10000, u.spend::bigint * u.spend_fee_bps / 10000,
          u.booked_on, CASE WHEN u.matures_days > 0 THEN u.today + u.matures_days ELSE least(u.day, u.today) END, CASE WHEN u.matures_days > 0 THEN u.today + u.matures_days ELSE mature END,
          (date_trunc('quarter', u.today + interval '24 months') + interval '3 months - 1 day')::date, u.booked_on + u.holdback_days, u.float_balance, u.base,
          NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, u.o, u.kept, NULL)::points_line AS line,
        (CASE WHEN u.known THEN CASE WHEN u.same THEN 10 ELSE 5 END
              WHEN u.first_o < u.o THEN CASE WHEN u.first_body = u.body AND u.first_wallet = u.wallet THEN 11 ELSE 5 END
              WHEN u.frozen IS NULL THEN 4 WHEN u.frozen THEN 3 ELSE 0 END)::smallint AS st,
        u.spend,
        coalesce(u.terms IS NOT NULL AND u.paid BETWEEN 0 AND 1000000000 AND u.spend BETWEEN 0 AND 1000000000 AND u.paid + u.spend > 0
          AND u.eligible BETWEEN 0 AND u.paid AND u.spend::bigint * 10000 <= (u.paid::bigint + u.spend) * u.spend_share_bps
          AND u.event_at >= u.valid_from AND u.event_at < coalesce(u.valid_to, '2200-01-01 00:00+00') AND u.outlet IS NOT NULL, false) AS fits
      FROM (
        SELECT q.*, (q.o)::integer AS ordinal, z.key IS NOT NULL AS known, z.body = q.body AND z.wallet_id = q.wallet AS same, v.frozen,
          first_value(q.o) OVER same_key AS first_o, first_value(q.body) OVER same_key AS first_body, first_value(q.wallet) OVER same_key AS first_wallet,
          t.id AS terms, t.float_id, t.proceeds_id AS proceeds, t.fee_rest_id AS fee_rest, t.rate_bps AS rate, t.member_bps AS member, t.spend_fee_bps,
          10000 - t.member_bps - t.centre_bps - t.promo_bps AS kept, t.spend_share_bps, t.matures_days, t.holdback_days, t.valid_from, t.valid_to, f.balance AS float_balance,
          (q.eligible::bigint * t.rate_bps + 5000) / 10000 AS rebate, d.day, d.base, e.today, greatest(e.today, f.closed_on + 1) AS booked_on
        FROM unnest(p_key, p_body, p_wallet, p_outlet, p_rest, p_event, p_paid, p_eligible, p_spend, p_reference) WITH ORDINALITY
            AS q(key, body, wallet, outlet, rest_id, event_at, paid, eligible, spend, reference, o)
        CROSS JOIN LATERAL (SELECT (q.event_at AT TIME ZONE 'Asia/Shanghai')::date AS day, CASE WHEN p_at_event THEN q.event_at ELSE ts END AS base) d
        CROSS JOIN LATERAL (SELECT (d.base AT TIME ZONE 'Asia/Shanghai')::date AS today) e
        LEFT JOIN unnest(w_ids, w_frozen) AS v(id, frozen) ON v.id = q.wallet
        LEFT JOIN LATERAL (SELECT y.key, y.body, y.wallet_id FROM points_key y
          WHERE y.caller_kind = p_caller_kind AND y.caller_id = p_caller_id AND y.key = q.key LIMIT 1) z ON true
        LEFT JOIN LATERAL (SELECT y.terms_id FROM points_account y WHERE y.id = q.rest_id AND y.kind = 5 LIMIT 1) a ON true
        LEFT JOIN LATERAL (SELECT y.* FROM points_terms y WHERE y.id = a.terms_id LIMIT 1) t ON true
        LEFT JOIN LATERAL (SELECT y.balance, y.closed_on FROM points_account y WHERE y.id = t.float_id LIMIT 1) f ON true
        WINDOW same_key AS (PARTITION BY q.key ORDER BY q.o)
      ) u ORDER BY u.o) q;
  IF NOT all_fit THEN RAISE EXCEPTION 'not a bill of these terms' USING ERRCODE = '22023'; END IF;
  IF spends AND EXISTS (SELECT FROM points_winding z WHERE z.spend_ends_on < (SELECT max((u.base AT TIME ZONE 'Asia/Shanghai')::date) FROM unnest(lines) u)) THEN
    -- Some points can be spent no longer: bill by bill, each looks at its lots. The floats are taken in their order before.
    PERFORM 1 FROM points_account z WHERE z.id IN (SELECT u.float_id FROM unnest(lines) u) ORDER BY z.id FOR NO KEY UPDATE;
    FOR i IN 1 .. n LOOP
      RETURN QUERY SELECT i, z.status, z.replayed, z.sale_id, z.booked_at, z.points, z.spent, z.rest, z.balance_after, z.available_after, z.figure
        FROM points_post_one(p_caller_kind, p_caller_id, p_actor, p_key[i], p_body[i], p_wallet[i], p_outlet[i], p_rest[i], p_event[i],
          p_paid[i], p_eligible[i], p_spend[i], p_reference[i], p_now, p_at_event, true) z;
    END LOOP;
    RETURN;
  END IF;
  -- 3 the decision: all of it at once when no wallet dips and no float runs short on the way, else bill by bill
  IF spends THEN
    exact := EXISTS (SELECT FROM (
      SELECT b.spend, v.free + sum(b.net) OVER (PARTITION BY b.wallet ORDER BY b.o) - b.net AS before
        FROM (SELECT u.wallet, u.spend, u.ord AS o, CASE WHEN u.matures = mature THEN u.points ELSE 0 END - u.spend AS net
          FROM unnest(lines) u WHERE sts[u.ord] = 0) b
        JOIN unnest(w_ids, w_free) AS v(id, free) ON v.id = b.wallet) z WHERE z.spend > z.before);
  END IF;
  SELECT array_agg(z.float_id), array_agg(z.need), array_agg(z.balance), coalesce(bool_or(z.need * 4 > z.balance), false)
    INTO f_ids, f_need, f_bal, waits
    FROM (SELECT u.float_id, sum(u.rebate)::bigint AS need, max(u.float_balance) AS balance
      FROM unnest(lines) u WHERE u.rebate > 0 AND sts[u.ord] = 0 GROUP BY u.float_id ORDER BY u.float_id) z;
  waits := waits OR p_patient;
  IF waits AND f_ids IS NOT NULL THEN
    SELECT array_agg(s.balance) INTO f_bal FROM (SELECT z.balance FROM points_account z WHERE z.id = ANY (f_ids) ORDER BY z.id FOR NO KEY UPDATE) s;
    IF EXISTS (SELECT FROM unnest(f_need, f_bal) AS z(need, balance) WHERE z.need > z.balance) THEN
      PERFORM points_gather(f_ids);
      SELECT array_agg(z.balance ORDER BY z.id) INTO f_bal FROM points_account z WHERE z.id = ANY (f_ids);
    END IF;
    IF EXISTS (SELECT FROM unnest(f_need, f_bal) AS z(need, balance) WHERE z.need > z.balance) THEN
      exact := true;
      -- A float that is short and has a credit line: the line decides bill by bill. Its row comes with its float's.
      IF EXISTS (SELECT FROM points_credit_line z WHERE z.float_id = ANY (f_ids) AND z.state = 1) THEN
        FOR i IN 1 .. n LOOP
          RETURN QUERY SELECT i, z.status, z.replayed, z.sale_id, z.booked_at, z.points, z.spent, z.rest, z.balance_after, z.available_after, z.figure
            FROM points_post_one(p_caller_kind, p_caller_id, p_actor, p_key[i], p_body[i], p_wallet[i], p_outlet[i], p_rest[i], p_event[i],
              p_paid[i], p_eligible[i], p_spend[i], p_reference[i], p_now, p_at_event, true) z;
        END LOOP;
        RETURN;
      END IF;
    END IF;
  END IF;
  figs := array_fill(NULL::bigint, ARRAY[n]);
  bals := figs; frees := figs;
  IF exact THEN
    DECLARE
      run_bal bigint[] := w_bal; run_free bigint[] := w_free;
    BEGIN
      FOR i IN 1 .. n LOOP
        CONTINUE WHEN sts[i] <> 0;
        l := lines[i];
        wi := array_position(w_ids, l.wallet);
        IF l.spend > run_free[wi] THEN
          sts[i] := 2; figs[i] := run_free[wi]; frees[i] := run_free[wi]; bals[i] := run_bal[wi]; plain := false;
          CONTINUE;
        END IF;
        run_free[wi] := run_free[wi] - l.spend; run_bal[wi] := run_bal[wi] - l.spend;
        IF l.rebate > 0 THEN
          fi := array_position(f_ids, l.float_id);
          IF f_bal[fi] >= l.rebate THEN
            f_bal[fi] := f_bal[fi] - l.rebate;
            run_bal[wi] := run_bal[wi] + l.points;
            IF l.matures = mature THEN run_free[wi] := run_free[wi] + l.points; END IF;
          ELSE
            sts[i] := 1; figs[i] := l.rebate;
          END IF;
        END IF;
      END LOOP;
    END;
    SELECT array_agg(z.float_id), array_agg(z.need) INTO f_ids, f_need
      FROM (SELECT u.float_id, sum(u.rebate)::bigint AS need FROM unnest(lines) u WHERE u.rebate > 0 AND sts[u.ord] = 0 GROUP BY u.float_id ORDER BY u.float_id) z;
  END IF;
  -- 4 the writing. First everything that the rows need to know, once.
  SELECT array_agg(ROW(z.key, z.body, z.wallet, z.outlet, z.event_at, z.paid, z.eligible, z.spend, z.reference,
      z.terms, z.float_id, z.proceeds, z.fee_rest, z.rest_id, z.rate, z.member, z.spend_fee_bps, z.rebate, z.got, z.fee,
      z.booked_on, z.promised, z.matures, z.expires, z.due, NULL, greatest(z.last_at + interval '1 microsecond', z.floor_at), z.ahead, z.st, z.eid, z.jid, z.seq0 + z.ahead,
      greatest(greatest(z.last_at + interval '1 microsecond', z.floor_at) + z.ahead * interval '1 microsecond', CASE WHEN z.legs = 0 THEN z.base END),
      z.balance, z.pending, z.free, z.is_last, z.ord, z.kept, z.credited)::points_line)
    INTO lines
    FROM (
      SELECT y.*, max(CASE WHEN y.legs > 0 THEN y.base - y.ahead * interval '1 microsecond' END) OVER (PARTITION BY y.wallet ORDER BY y.ord) AS floor_at
      FROM (
        SELECT c.key, c.body, c.wallet, c.outlet, c.event_at, c.paid, c.eligible, c.spend, c.reference, c.terms, c.float_id, c.proceeds, c.fee_rest, c.rest_id,
          c.rate, c.member, c.spend_fee_bps, c.rebate, c.fee, c.booked_on, c.promised, c.matures, c.expires, c.due, c.base, c.ord, c.kept, c.st, c.got, c.legs, c.jid,
          CASE WHEN c.legs = 2 THEN nextval('points_transfer_id') ELSE c.jid END AS eid,
          v.seq AS seq0, v.last_at, (sum(c.legs) OVER mine - c.legs)::integer AS ahead,
          (v.balance + sum(c.got - c.spend) OVER mine)::bigint AS balance,
          (v.pending + sum(c.later) OVER mine)::bigint AS pending,
          (v.free + sum(c.got - c.later - c.spend) OVER mine)::bigint AS free,
          (sum(CASE WHEN c.st = 0 THEN points_credit_of(c.rebate, c.kept) ELSE 0 END) OVER mine)::bigint AS credited,
          lead(c.ord) OVER mine IS NULL AS is_last
        FROM (SELECT u.*, sts[u.ord] AS st, nextval('points_transfer_id') AS jid,
            CASE WHEN sts[u.ord] = 0 THEN u.points ELSE 0 END AS got,
            CASE WHEN sts[u.ord] = 0 AND u.matures <> mature THEN u.points ELSE 0 END AS later,
            (u.spend > 0)::integer + (sts[u.ord] = 0 AND u.rebate > 0)::integer AS legs
          FROM unnest(lines) u WHERE sts[u.ord] IN (0, 1)) c
        JOIN unnest(w_ids, w_bal, w_pend, w_free, w_seq, w_last) AS v(id, balance, pending, free, seq, last_at) ON v.id = c.wallet
        WINDOW mine AS (PARTITION BY c.wallet ORDER BY c.ord)
      ) y
    ) z;
  -- lots: begin
  IF spends THEN
    -- Earned and spent again inside this batch: such a wallet's lots are drawn bill by bill.
    SELECT coalesce(array_agg(z.wallet), '{}') INTO mixed FROM (
      SELECT u.wallet FROM unnest(lines) u GROUP BY u.wallet
      HAVING min(u.ord) FILTER (WHERE u.points > 0 AND u.matures = mature) < max(u.ord) FILTER (WHERE u.spend > 0)) z;
    -- Spends and lots laid side by side on one scale, wallet by wallet: where two intervals overlap, points are taken.
    WITH s AS (
        SELECT u.wallet, u.ord, u.spend_id, u.at, sum(u.spend) OVER mine AS hi, sum(u.spend) OVER mine - u.spend AS lo
        FROM unnest(lines) u WHERE u.spend > 0 AND u.wallet <> ALL (mixed) WINDOW mine AS (PARTITION BY u.wallet ORDER BY u.ord)),
      v AS MATERIALIZED (
        SELECT s.wallet, max(s.hi) AS total, array_agg(s.spend_id) AS ids, array_agg(s.at) AS ats, array_agg(s.lo) AS los, array_agg(s.hi) AS his
        FROM s GROUP BY s.wallet),
      u AS MATERIALIZED (
        SELECT v.wallet, s.spend_id, s.at, c.tid, c.lapses_on, c.funder_id, c.expires_on, (least(s.hi, c.hi) - greatest(s.lo, c.lo))::bigint AS points
        FROM v CROSS JOIN LATERAL (
          SELECT z.*, z.hi - z.remaining AS lo FROM (
            SELECT y.ctid AS tid, y.lapses_on, y.funder_id, y.expires_on, y.remaining - y.held AS remaining, sum(y.remaining - y.held) OVER (ORDER BY y.lapses_on, y.funder_id, y.expires_on) AS hi
            FROM points_lot y WHERE y.bucket = (v.wallet % 64)::smallint AND y.wallet_id = v.wallet AND y.matures_on = mature AND y.remaining > y.held
            OFFSET 0) z WHERE z.hi - z.remaining < v.total) c
        CROSS JOIN LATERAL unnest(v.ids, v.ats, v.los, v.his) AS s(spend_id, at, lo, hi)
        WHERE c.lo < s.hi AND s.lo < c.hi),
      i AS (INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
        SELECT (u.wallet % 64)::smallint, u.wallet, u.at, u.spend_id, u.lapses_on, u.funder_id, u.expires_on, u.points FROM u),
      d AS (UPDATE points_lot y SET remaining = y.remaining - g.points
        FROM (SELECT u.tid, sum(u.points)::bigint AS points FROM u GROUP BY u.tid) g WHERE y.ctid = g.tid)
    SELECT coalesce((SELECT sum(v.total) FROM v), 0) - coalesce(sum(u.points), 0) INTO left_over FROM u;
    IF left_over <> 0 THEN RAISE EXCEPTION 'a wallet has fewer points in its lots than in its balance'; END IF;
    IF mixed <> '{}' THEN PERFORM points_draw_in_order(lines, mixed); END IF;
  ELSE
    mixed := '{}';
  END IF;
  INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
    SELECT (u.wallet % 64)::smallint, u.wallet, u.matures, u.expires, u.float_id, u.expires, sum(u.points), sum(u.points)
      FROM unnest(lines) u WHERE u.points > 0 AND u.wallet <> ALL (mixed) GROUP BY u.wallet, u.matures, u.expires, u.float_id
    ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
    DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
  -- lots: end
  RETURN QUERY
  WITH y AS MATERIALIZED (SELECT * FROM unnest(lines)),
  a AS (INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor,
      debit_id, credit_id, points, rest_id, rest, matures_on, expires_on, due_on, balance_after)
    SELECT (y.wallet % 64)::smallint, y.wallet, y.at, y.seq + 1, y.spend_id, y.spend_id, 2, y.event_at, y.booked_on, y.outlet, p_actor,
        y.wallet, y.proceeds, y.spend - y.fee, CASE WHEN y.fee > 0 THEN y.fee_rest END, y.fee, NULL, NULL, y.due, y.balance - y.points
      FROM y WHERE y.spend > 0
    UNION ALL
    SELECT (y.wallet % 64)::smallint, y.wallet, y.at + CASE WHEN y.spend > 0 THEN interval '1 microsecond' ELSE interval '0' END,
        y.seq + CASE WHEN y.spend > 0 THEN 2 ELSE 1 END, y.earn_id, y.spend_id, 1, y.event_at, y.booked_on, y.outlet, p_actor,
        y.float_id, y.wallet, y.points, CASE WHEN y.rebate > y.points THEN y.rest_id END, y.rebate - y.points, y.promised, y.expires, y.due, y.balance
      FROM y WHERE y.status = 0 AND y.rebate > 0),
  b AS (INSERT INTO points_sale (outlet_id, booked_at, id, wallet_id, float_id, terms_id, event_at, booked_on, bill_fen, paid_fen, eligible_fen,
      rebate_fen, points, rest, spent_points, spend_fee, rate_bps, member_bps, spend_fee_bps, kind, reason, actor, reference)
    SELECT y.outlet, y.at, y.spend_id, y.wallet, y.float_id, y.terms, y.event_at, y.booked_on, y.paid + y.spend, y.paid, y.eligible,
      y.rebate, y.points, CASE WHEN y.status = 0 THEN y.rebate - y.points ELSE 0 END, y.spend, y.fee, y.rate, y.member, y.spend_fee_bps, 1, y.status,
      p_actor, y.reference FROM y),
  c AS (INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, figure, points, spent, rest, status)
    SELECT p_caller_kind, p_caller_id, g.* FROM (
      SELECT y.key, y.body, y.wallet, y.spend_id, y.at, y.balance, y.free, CASE WHEN y.status = 1 THEN y.rebate::bigint END, y.points, y.spend,
        CASE WHEN y.status = 0 THEN y.rebate - y.points ELSE 0 END, y.status FROM y
      UNION ALL
      SELECT p_key[s.o], p_body[s.o], p_wallet[s.o], NULL, NULL, bals[s.o], frees[s.o], figs[s.o], 0, 0, 0, s.st
        FROM unnest(sts) WITH ORDINALITY AS s(st, o) WHERE NOT plain AND s.st IN (2, 3, 4)
      ORDER BY 1) g),
  d AS (UPDATE points_wallet z SET balance = y.balance, pending = y.pending, credit = z.credit + y.credited,
      seq = y.seq + (y.spend > 0)::integer + (y.status = 0 AND y.rebate > 0)::integer,
      last_at = y.base + (y.ahead + (y.spend > 0)::integer + (y.status = 0 AND y.rebate > 0)::integer - 1) * interval '1 microsecond'
    FROM y WHERE z.id = y.wallet AND y.is_last AND y.ahead + (y.spend > 0)::integer + (y.status = 0 AND y.rebate > 0)::integer > 0)
  SELECT y.ord, y.status, false, y.spend_id, y.at, y.points, y.spend, CASE WHEN y.status = 0 THEN y.rebate - y.points ELSE 0 END, y.balance, y.free,
    CASE WHEN y.status = 1 THEN y.rebate::bigint END FROM y;
  IF NOT plain THEN
    RETURN QUERY SELECT s.o::integer, CASE WHEN s.st IN (10, 11) THEN z.status ELSE s.st END, s.st IN (10, 11), z.sale_id, z.booked_at,
        coalesce(z.points, 0), coalesce(z.spent, 0), coalesce(z.rest, 0), coalesce(z.balance_after, bals[s.o]), coalesce(z.available_after, frees[s.o]),
        coalesce(z.figure, figs[s.o])
      FROM unnest(sts) WITH ORDINALITY AS s(st, o)
      LEFT JOIN LATERAL (SELECT y.* FROM points_key y WHERE s.st IN (10, 11) AND y.caller_kind = p_caller_kind AND y.caller_id = p_caller_id
        AND y.key = p_key[s.o] LIMIT 1) z ON true
      WHERE s.st > 1;
  END IF;
  -- 5 the floats, last: ascending, and only if they still suffice
  IF f_ids IS NOT NULL THEN
    IF NOT waits THEN PERFORM 1 FROM points_account z WHERE z.id = ANY (f_ids) ORDER BY z.id FOR NO KEY UPDATE; END IF;
    UPDATE points_account z SET balance = z.balance - g.need FROM unnest(f_ids, f_need) AS g(id, need) WHERE z.id = g.id AND z.balance >= g.need;
    GET DIAGNOSTICS x = ROW_COUNT;
    IF x <> cardinality(f_ids) THEN RAISE EXCEPTION 'a float ran short meanwhile' USING ERRCODE = '40001'; END IF;
  END IF;
END $$;

-- Lots of wallets that earn mature points and spend them again within one batch: in the order of the bills.
CREATE OR REPLACE FUNCTION points_draw_in_order(p_lines points_line[], p_wallets bigint[]) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  l record; r record; left_over bigint; x bigint;
BEGIN
  FOR l IN SELECT u.* FROM unnest(p_lines) u WHERE u.wallet = ANY (p_wallets) ORDER BY u.ord LOOP
    left_over := l.spend;
    IF left_over > 0 THEN
      FOR r IN SELECT z.ctid AS tid, z.remaining - z.held AS remaining, z.lapses_on, z.funder_id, z.expires_on FROM points_lot z
          WHERE z.bucket = (l.wallet % 64)::smallint AND z.wallet_id = l.wallet AND z.matures_on = '2000-01-01' AND z.remaining > z.held
          ORDER BY z.lapses_on, z.funder_id, z.expires_on LOOP
        x := least(left_over, r.remaining);
        UPDATE points_lot SET remaining = remaining - x WHERE ctid = r.tid;
        INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
          VALUES ((l.wallet % 64)::smallint, l.wallet, l.at, l.spend_id, r.lapses_on, r.funder_id, r.expires_on, x);
        left_over := left_over - x;
        EXIT WHEN left_over = 0;
      END LOOP;
      IF left_over > 0 THEN RAISE EXCEPTION 'wallet % has fewer points in its lots than in its balance', l.wallet; END IF;
    END IF;
    IF l.points > 0 THEN
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        VALUES ((l.wallet % 64)::smallint, l.wallet, l.matures, l.expires, l.float_id, l.expires, l.points, l.points)
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
    END IF;
  END LOOP;
END $$;
