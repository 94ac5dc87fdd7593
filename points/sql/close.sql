-- Row 5, the daily close of some floats: split of the running total of what was released by p_on, less what was posted.
-- Totals come from the roll-up, so a row that commits late falls into the next difference. Posting again posts nothing.
-- A rounded fen may wander from the buffer back to a named party: then the buffer gives it back through the rest account.
-- The entries' own due_on is 9999-12-31, so that they are never counted as released. Balances follow with the roll-up.
CREATE OR REPLACE FUNCTION points_close(p_on date, p_floats bigint[], p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; posted integer; todo bigint[];
BEGIN
  IF p_on IS NULL OR p_floats IS NULL OR p_on >= (coalesce(p_now, now()) AT TIME ZONE 'Asia/Shanghai')::date THEN
    RAISE EXCEPTION 'only a day that is over can be closed' USING ERRCODE = '22023';
  END IF;
  ts := points_clock(p_now);
  -- Two closes of the same merchant wait for each other here; the second finds the day closed and leaves it alone.
  PERFORM 1 FROM points_account WHERE id = ANY (p_floats) AND kind = 3 ORDER BY id FOR NO KEY UPDATE;
  SELECT array_agg(id) INTO todo FROM points_account WHERE id = ANY (p_floats) AND kind = 3 AND (closed_on IS NULL OR closed_on < p_on);
  IF todo IS NULL THEN RETURN 0; END IF;
  UPDATE points_account SET closed_on = p_on WHERE id = ANY (todo);
  WITH total AS (
      SELECT a.id, a.kind, a.float_id, a.terms_id, a.centre_id, sum(d.amount)::bigint AS t
        FROM points_account a JOIN points_account_day d ON d.account_id = a.id
        WHERE a.float_id = ANY (todo) AND a.kind IN (5, 6) AND d.due_on <= p_on
        GROUP BY a.id),
    target AS (
      SELECT x.*, x.fee + x.centre + x.promo AS named FROM (
        SELECT t.id, t.kind, t.centre_id, terms.promo_id, coalesce(s.total, 0) AS was_total,
            coalesce(s.fee, 0) AS was_fee, coalesce(s.centre, 0) AS was_centre, coalesce(s.promo, 0) AS was_promo, coalesce(s.buffer, 0) AS was_buffer, t.t,
            CASE WHEN t.kind = 6 THEN t.t WHEN terms.member_bps = 10000 THEN 0 ELSE t.t * terms.fee_bps / (10000 - terms.member_bps) END AS fee,
            CASE WHEN t.kind = 6 OR terms.member_bps = 10000 THEN 0 ELSE t.t * terms.centre_bps / (10000 - terms.member_bps) END AS centre,
            CASE WHEN t.kind = 6 OR terms.member_bps = 10000 THEN 0 ELSE t.t * terms.promo_bps / (10000 - terms.member_bps) END AS promo
          FROM total t LEFT JOIN points_terms terms ON terms.id = t.terms_id LEFT JOIN points_split s ON s.account_id = t.id) x),
    kept AS (
      INSERT INTO points_split AS s (account_id, total, fee, centre, promo, buffer, closed_on)
        SELECT id, t, fee, centre, promo, t - named, p_on FROM target WHERE t <> was_total
        ON CONFLICT (account_id) DO UPDATE SET total = excluded.total, fee = excluded.fee, centre = excluded.centre, promo = excluded.promo,
          buffer = excluded.buffer, closed_on = greatest(s.closed_on, excluded.closed_on)),
    part AS (
      SELECT x.id, v.to_id, v.points, v.is_live FROM target x CROSS JOIN LATERAL (VALUES
        (3::bigint, x.fee - x.was_fee, false), (x.centre_id, x.centre - x.was_centre, false), (x.promo_id, x.promo - x.was_promo, true),
        (4::bigint, x.t - x.named - x.was_buffer, false)) v(to_id, points, is_live) WHERE v.points <> 0),
    promoted AS (
      UPDATE points_account a SET balance = a.balance + g.points
        FROM (SELECT to_id, sum(points)::bigint AS points FROM part WHERE is_live GROUP BY to_id) g WHERE a.id = g.to_id),
    numbered AS (SELECT part.*, nextval('points_transfer_id') AS tid FROM part),
    booked AS (
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
        SELECT -1, 0, ts, tid, tid, first_value(tid) OVER (PARTITION BY id ORDER BY tid), 7, ts, p_on, 'system:close', CASE WHEN points > 0 THEN id ELSE to_id END, CASE WHEN points > 0 THEN to_id ELSE id END, abs(points), '9999-12-31'
        FROM numbered RETURNING 1)
  SELECT count(*) INTO posted FROM booked;
  RETURN posted;
END $$;
