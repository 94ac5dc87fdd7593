-- Row 37, the closing mode of the alliance (scope 1), of a region (2: its merchants) or of one merchant (3). After issue_ends_on
-- nothing is issued and nothing expires; until spend_ends_on points can be spent; then each lot goes back to its funder.
CREATE TABLE points_winding (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope smallint NOT NULL CHECK (scope BETWEEN 1 AND 3),
  title varchar(120) NOT NULL,
  issue_ends_on date NOT NULL,
  spend_ends_on date NOT NULL,
  approval_id bigint NOT NULL UNIQUE,
  decided_at timestamptz NOT NULL,
  actor varchar(40) NOT NULL,
  ended_at timestamptz,
  CONSTRAINT points_winding_leaves_time_to_spend CHECK (spend_ends_on >= issue_ends_on + 28)
);
CREATE TABLE points_winding_float (
  winding_id bigint NOT NULL REFERENCES points_winding,
  float_id bigint NOT NULL REFERENCES points_account,
  PRIMARY KEY (winding_id, float_id),
  CONSTRAINT points_winding_float_once UNIQUE (float_id)
);
CREATE TRIGGER points_kept BEFORE DELETE OR TRUNCATE ON points_winding FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_winding_float FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_winding_float FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

-- Whose lots do not expire at p_on: NULL = everybody's (the alliance closes), else the floats and promotion accounts that close.
CREATE FUNCTION points_not_expiring(p_on date) RETURNS bigint[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM points_winding WHERE scope = 1 AND issue_ends_on < p_on) THEN NULL ELSE ARRAY(
    SELECT a.id FROM points_winding w JOIN points_winding_float f ON f.winding_id = w.id JOIN points_account a ON a.id = f.float_id OR a.kind = 12 AND a.float_id = f.float_id
    WHERE w.issue_ends_on < p_on) END
$$;

-- Issue stops by terms: from the day after, each merchant's agreement goes on with a rebate of nothing, so that points can still
-- be taken. Versions from 1,000,000 on are the closing mode's.
CREATE FUNCTION points_winding_start(p_scope smallint, p_title text, p_floats bigint[], p_issue_ends date, p_spend_ends date, p_approval bigint, p_actor text, p_at timestamptz,
  p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  made bigint; t record; stop_at timestamptz := (p_issue_ends + 1)::timestamp AT TIME ZONE 'Asia/Shanghai';
BEGIN
  SELECT id INTO made FROM points_winding WHERE approval_id = p_approval;
  IF made IS NOT NULL THEN RETURN made; END IF;
  IF p_issue_ends < (coalesce(p_now, now()) AT TIME ZONE 'Asia/Shanghai')::date OR (p_scope = 1) <> (coalesce(cardinality(p_floats), 0) = 0)
     OR p_scope = 3 AND cardinality(p_floats) <> 1 OR EXISTS (SELECT FROM points_winding WHERE scope = 1)
     OR EXISTS (SELECT FROM unnest(p_floats) x WHERE NOT EXISTS (SELECT FROM points_account a WHERE a.id = x AND a.kind = 3)) THEN
    RAISE EXCEPTION 'no such closing mode' USING ERRCODE = '22023';
  END IF;
  INSERT INTO points_winding (scope, title, issue_ends_on, spend_ends_on, approval_id, decided_at, actor)
    VALUES (p_scope, left(p_title, 120), p_issue_ends, p_spend_ends, p_approval, p_at, p_actor) RETURNING id INTO made;
  INSERT INTO points_winding_float (winding_id, float_id) SELECT made, x FROM unnest(p_floats) x ORDER BY x;
  FOR t IN SELECT z.*, (SELECT max(v.version) FROM points_terms v WHERE v.float_id = z.float_id) AS last FROM points_terms z
      WHERE (p_scope = 1 OR z.float_id = ANY (p_floats)) AND (z.valid_to IS NULL OR z.valid_to > stop_at) AND z.rate_bps > 0 ORDER BY z.float_id LOOP
    IF t.valid_from >= stop_at THEN RAISE EXCEPTION 'an agreement begins after the closing' USING ERRCODE = 'LH035'; END IF;
    PERFORM points_write_terms(t.float_id, greatest(t.last + 1, 1000000), 0, t.member_bps, t.fee_bps, t.centre_bps, t.promo_bps, t.spend_fee_bps, t.spend_share_bps,
      t.matures_days, t.holdback_days, stop_at, t.valid_to);
  END LOOP;
  RETURN made;
END $$;

-- At the end, some of a bucket: wallet → funder, lot by lot; a budget's to the budget, patronage points to the surplus.
CREATE FUNCTION points_wind_up(p_winding bigint, p_bucket smallint, p_limit integer, p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; day date; w record; ids bigint[]; funders bigint[]; done integer; tos bigint[]; backs bigint[];
BEGIN
  SELECT * INTO w FROM points_winding WHERE id = p_winding;
  ts := points_clock(p_now);
  day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  IF w.id IS NULL OR w.spend_ends_on >= day OR p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'points can still be spent' USING ERRCODE = 'LH036';
  END IF;
  IF w.scope > 1 THEN
    SELECT array_agg(a.id) INTO funders FROM points_winding_float f JOIN points_account a ON a.id = f.float_id OR a.kind = 12 AND a.float_id = f.float_id WHERE f.winding_id = p_winding;
  END IF;
  SELECT array_agg(DISTINCT z.wallet_id) INTO ids FROM (SELECT wallet_id FROM points_lot WHERE bucket = p_bucket AND is_open AND matures_on = '2000-01-01'
    AND remaining > held AND (funders IS NULL OR funder_id = ANY (funders)) LIMIT p_limit) z;
  IF ids IS NULL THEN RETURN 0; END IF;
  PERFORM 1 FROM points_wallet WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  WITH gone AS MATERIALIZED (
      SELECT z.ctid AS tid, z.wallet_id, z.lapses_on, z.funder_id, z.expires_on, z.remaining - z.held AS points, z.held FROM points_lot z
        WHERE z.bucket = p_bucket AND z.wallet_id = ANY (ids) AND z.matures_on = '2000-01-01' AND z.is_open AND z.remaining > z.held
          AND (funders IS NULL OR z.funder_id = ANY (funders))),
    closed AS (UPDATE points_lot z SET remaining = z.held, is_open = z.held > 0 FROM gone g WHERE z.ctid = g.tid),
    y AS MATERIALIZED (
      SELECT g.*, nextval('points_transfer_id') AS id, v.seq + row_number() OVER mine AS seq, (v.balance - sum(g.points) OVER mine)::bigint AS balance,
        greatest(ts, v.last_at + interval '1 microsecond') + (row_number() OVER mine - 1) * interval '1 microsecond' AS at,
        lead(g.expires_on) OVER mine IS NULL AS is_last
      FROM gone g JOIN points_wallet v ON v.id = g.wallet_id
      WINDOW mine AS (PARTITION BY g.wallet_id ORDER BY g.lapses_on, g.funder_id, g.expires_on)),
    booked AS (
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, expires_on, due_on, balance_after)
        SELECT p_bucket, wallet_id, at, seq, id, id, 17, ts, greatest(day, (SELECT a.closed_on + 1 FROM points_account a WHERE a.id = y.funder_id)), 'system:winding', wallet_id,
          funder_id, points, expires_on, day, balance FROM y),
    used AS (
      INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
        SELECT p_bucket, wallet_id, at, id, lapses_on, funder_id, expires_on, points FROM y),
    lowered AS (UPDATE points_wallet v SET balance = y.balance, seq = y.seq, last_at = y.at FROM y WHERE v.id = y.wallet_id AND y.is_last)
  SELECT (SELECT count(*) FROM gone), (SELECT array_agg(b.funder_id) FROM (SELECT funder_id FROM y GROUP BY 1 ORDER BY 1) b),
      (SELECT array_agg(b.back) FROM (SELECT sum(points)::bigint AS back FROM y GROUP BY funder_id ORDER BY funder_id) b)
    INTO done, tos, backs;
  -- Floats before budgets, promotion and surplus: the order of every lock in the book.
  PERFORM 1 FROM points_account WHERE id = ANY (tos) ORDER BY kind, id FOR NO KEY UPDATE;
  UPDATE points_account a SET balance = a.balance + b.back FROM unnest(tos, backs) AS b(id, back) WHERE a.id = b.id;
  RETURN done;
END $$;

-- Over when no lot of the scope holds anything, pending and held ones included.
CREATE FUNCTION points_winding_finish(p_winding bigint, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE points_winding w SET ended_at = p_at WHERE w.id = p_winding AND w.ended_at IS NULL AND NOT EXISTS (
    SELECT FROM points_lot l JOIN points_account a ON a.id = l.funder_id WHERE l.remaining > 0
      AND (w.scope = 1 OR EXISTS (SELECT FROM points_winding_float f WHERE f.winding_id = w.id AND f.float_id IN (a.id, a.float_id))));
  RETURN EXISTS (SELECT FROM points_winding WHERE id = p_winding AND ended_at IS NOT NULL);
END $$;
