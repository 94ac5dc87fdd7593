-- Maturing and expiry, by bucket and in chunks: each call is its own transaction, a repeated call does what is left.
-- Row 4: lots that matured by p_on join the mature lot of the same expiry and funder; pending falls. No journal, no total changes.
CREATE OR REPLACE FUNCTION points_mature(p_bucket smallint, p_on date, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ids bigint[]; done integer;
BEGIN
  IF p_on IS NULL OR p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 100000 OR p_on > (now() AT TIME ZONE 'Asia/Shanghai')::date
     AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'no such day' USING ERRCODE = '22023';
  END IF;
  SELECT array_agg(DISTINCT z.wallet_id) INTO ids FROM (SELECT wallet_id FROM points_lot
    WHERE bucket = p_bucket AND matures_on > '2000-01-01' AND matures_on <= p_on LIMIT p_limit) z;
  IF ids IS NULL THEN RETURN 0; END IF;
  PERFORM 1 FROM points_wallet WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
  WITH gone AS (
      DELETE FROM points_lot WHERE bucket = p_bucket AND wallet_id = ANY (ids) AND matures_on > '2000-01-01' AND matures_on <= p_on RETURNING *),
    merged AS (
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        SELECT bucket, wallet_id, '2000-01-01', lapses_on, funder_id, expires_on, sum(earned), sum(remaining) FROM gone
          GROUP BY bucket, wallet_id, lapses_on, funder_id, expires_on
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true),
    lowered AS (
      UPDATE points_wallet w SET pending = w.pending - g.points FROM (SELECT wallet_id, sum(remaining)::bigint AS points FROM gone GROUP BY wallet_id) g
        WHERE w.id = g.wallet_id AND g.points > 0)
  SELECT count(*) INTO done FROM gone;
  RETURN done;
END $$;

-- Row 24: what lapsed before p_on leaves the wallet, lot by lot: a float's points to breakage, those of a budget or of promotion credit back to it.
-- What is held stays: a lot cannot expire under a hold. It is decided when the hold is closed (points_let_go, row 25).
CREATE OR REPLACE FUNCTION points_expire(p_bucket smallint, p_on date, p_limit integer, p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; day date; ids bigint[]; done integer; budgets bigint[]; backs bigint[]; kept bigint[];
BEGIN
  IF p_on IS NULL OR p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 100000 OR p_on > (now() AT TIME ZONE 'Asia/Shanghai')::date
     AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'no such day' USING ERRCODE = '22023';
  END IF;
  -- In a closing mode (row 37) nothing expires.
  kept := points_not_expiring(greatest(p_on, (points_clock(p_now) AT TIME ZONE 'Asia/Shanghai')::date));
  IF kept IS NULL THEN RETURN 0; END IF;
  SELECT array_agg(DISTINCT z.wallet_id) INTO ids FROM (SELECT wallet_id FROM points_lot
    WHERE bucket = p_bucket AND is_open AND lapses_on < p_on AND matures_on = '2000-01-01' AND (remaining > held OR held = 0)
      AND funder_id <> ALL (kept) LIMIT p_limit) z;
  IF ids IS NULL THEN RETURN 0; END IF;
  PERFORM 1 FROM points_wallet WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  -- Again, after what was waited for: the day on which this is booked decides.
  kept := points_not_expiring(greatest(p_on, day));
  IF kept IS NULL THEN RETURN 0; END IF;
  -- Closing a lot takes it out of the index of open lots; the empty ones among them are closed without an entry.
  WITH gone AS MATERIALIZED (
      SELECT z.ctid AS tid, z.wallet_id, z.lapses_on, z.funder_id, z.expires_on, z.remaining - z.held AS remaining FROM points_lot z
        WHERE z.bucket = p_bucket AND z.wallet_id = ANY (ids) AND z.matures_on = '2000-01-01' AND z.is_open AND z.lapses_on < p_on
          AND (z.remaining > z.held OR z.held = 0) AND z.funder_id <> ALL (kept)),
    closed AS (UPDATE points_lot z SET remaining = z.held, is_open = z.held > 0 FROM gone g WHERE z.ctid = g.tid),
    y AS MATERIALIZED (
      SELECT g.*, nextval('points_transfer_id') AS id, CASE WHEN a.kind IN (11, 12) THEN g.funder_id ELSE 5 END AS to_id,
        w.seq + row_number() OVER mine AS seq, (w.balance - sum(g.remaining) OVER mine)::bigint AS balance,
        greatest(ts, w.last_at + interval '1 microsecond') + (row_number() OVER mine - 1) * interval '1 microsecond' AS at,
        lead(g.expires_on) OVER mine IS NULL AS is_last
      FROM gone g JOIN points_wallet w ON w.id = g.wallet_id JOIN points_account a ON a.id = g.funder_id WHERE g.remaining > 0
      WINDOW mine AS (PARTITION BY g.wallet_id ORDER BY g.lapses_on, g.funder_id, g.expires_on)),
    booked AS (
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points,
          expires_on, due_on, balance_after)
        SELECT p_bucket, wallet_id, at, seq, id, id, 3, ts, day, 'system:expire', wallet_id, to_id, remaining, expires_on, day, balance FROM y),
    used AS (
      INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
        SELECT p_bucket, wallet_id, at, id, lapses_on, funder_id, expires_on, remaining FROM y),
    lowered AS (UPDATE points_wallet w SET balance = y.balance, seq = y.seq, last_at = y.at FROM y WHERE w.id = y.wallet_id AND y.is_last)
  SELECT (SELECT count(*) FROM gone), (SELECT array_agg(b.to_id) FROM (SELECT DISTINCT to_id FROM y WHERE to_id <> 5 ORDER BY to_id) b),
      (SELECT array_agg(b.back) FROM (SELECT sum(remaining)::bigint AS back FROM y WHERE to_id <> 5 GROUP BY to_id ORDER BY to_id) b)
    INTO done, budgets, backs;
  IF budgets IS NOT NULL THEN
    PERFORM 1 FROM points_account WHERE id = ANY (budgets) ORDER BY id FOR NO KEY UPDATE;
    UPDATE points_account a SET balance = a.balance + b.back FROM unnest(budgets, backs) AS b(id, back) WHERE a.id = b.id;
  END IF;
  RETURN done;
END $$;
