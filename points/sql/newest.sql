-- The newest movements of a wallet, before a place in its chain if one is given. How far to reach back is guessed from how
-- many movements the wallet has had since it was opened, so that an active wallet touches one partition or two whatever
-- the age of the book; if that was too few, everything older is read. booked_at rises strictly within a wallet, seq without
-- a gap: the one is the place to go on from, the other tells how many are left.
-- p_way: 'in' what raised the balance, 'out' what lowered it, 'expired', or NULL for all.
CREATE OR REPLACE FUNCTION points_newest(p_wallet bigint, p_before_at timestamptz, p_before_seq bigint, p_limit integer, p_way text DEFAULT NULL)
RETURNS SETOF points_transfer LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  upper_at timestamptz; lower_at timestamptz; total bigint; n integer;
BEGIN
  SELECT coalesce(p_before_at - interval '1 microsecond', z.last_at), coalesce(p_before_seq - 1, z.seq),
      z.last_at - greatest(interval '10 days', (z.last_at - z.opened_at) * least(1.0, 1.5 * p_limit / z.seq))
    INTO upper_at, total, lower_at FROM points_wallet z WHERE z.id = p_wallet AND z.seq > 0;
  IF upper_at IS NULL OR total <= 0 OR p_limit <= 0 THEN RETURN; END IF;
  IF p_way IS NOT NULL THEN
    RETURN QUERY SELECT t.* FROM points_transfer t
      WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet AND t.booked_at <= upper_at
        AND CASE p_way WHEN 'in' THEN t.credit_id = p_wallet AND t.points >= 0 OR t.debit_id = p_wallet AND t.points < 0
          WHEN 'out' THEN NOT (t.credit_id = p_wallet AND t.points >= 0 OR t.debit_id = p_wallet AND t.points < 0)
          WHEN 'expired' THEN t.kind = 3 ELSE false END
      ORDER BY t.booked_at DESC LIMIT p_limit;
    RETURN;
  END IF;
  lower_at := date_trunc('month', least(lower_at, upper_at), 'Asia/Shanghai');
  RETURN QUERY SELECT t.* FROM points_transfer t
    WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet AND t.booked_at <= upper_at AND t.booked_at >= lower_at
    ORDER BY t.booked_at DESC LIMIT p_limit;
  GET DIAGNOSTICS n = ROW_COUNT;
  IF n < p_limit AND n < total THEN
    RETURN QUERY SELECT t.* FROM points_transfer t
      WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet AND t.booked_at < lower_at
      ORDER BY t.booked_at DESC LIMIT p_limit - n;
  END IF;
END $$;
