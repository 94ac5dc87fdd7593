-- What moved in wallets, by accounting day, class, cohort and origin: running totals behind the roll-forward, the breakage curve
-- and the circulation. Kept like points_account_day, by a mark of its own.
CREATE TABLE points_flow_day (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  booked_on date NOT NULL,
  class smallint NOT NULL,
  is_back boolean NOT NULL,                      -- against the nature of its class: taken back, given back
  cohort_on date NOT NULL,                       -- end of the quarter in which these points expire, 24 months after that of their issue
  origin smallint NOT NULL,                      -- spent: 1 where it was earned, 2 elsewhere; 0 no merchant gave it, or not spent
  points bigint NOT NULL,                        -- signed: what it did to the wallets
  n bigint NOT NULL,
  CONSTRAINT points_flow_day_once UNIQUE (booked_on, class, is_back, cohort_on, origin)
) WITH (fillfactor = 80);
INSERT INTO points_mark VALUES ('flow', 0, now());

-- The one place that says what each kind of transfer is to a wallet: 1 issued, 2 spent, 3 expired, 4 adjusted, 5 returned to its
-- funder; 0 does not touch one. A kind without a class stops the run (a test looks at every kind).
CREATE FUNCTION points_flow_class(p_kind smallint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_kind IN (1, 8, 14, 15, 16, 18) THEN 1   -- earn, award, surplus shared, issued when paid, opening; paid back (takes from what was issued)
    WHEN p_kind IN (2, 10) THEN 2                  -- spend; an advance of the buffer gives spent points back
    WHEN p_kind = 3 THEN 3
    WHEN p_kind = 4 THEN 4
    WHEN p_kind = 17 THEN 5
    WHEN p_kind IN (5, 6, 7, 9, 11, 12, 13, 19, 20) THEN 0
  END::smallint
$$;

-- The wallets' transfers of a span of transactions, cut into their lots.
CREATE FUNCTION points_flow_lines(p_low bigint, p_high bigint) RETURNS TABLE (booked_on date, class smallint, is_back boolean, cohort_on date, origin smallint, points bigint, n bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp SET jit = off AS $$
  WITH t AS MATERIALIZED (
      SELECT x.*, points_flow_class(x.kind) AS class, CASE WHEN x.credit_id = x.wallet_id THEN x.points ELSE -(x.points + x.rest) END AS moved,
        CASE WHEN x.credit_id = x.wallet_id THEN x.debit_id ELSE x.credit_id END AS other_id
      FROM points_transfer x WHERE x.xid >= p_low AND x.xid < p_high AND x.wallet_id > 0),
    u AS MATERIALIZED (
      SELECT t.id, t.booked_on, t.class, t.other_id, l.funder_id, l.expires_on, -l.points AS moved
      FROM t JOIN points_lot_use l ON l.bucket = t.bucket AND l.wallet_id = t.wallet_id AND l.booked_at = t.booked_at AND l.transfer_id = t.id),
    line AS (
      SELECT u.booked_on, u.class, u.other_id, u.funder_id, u.expires_on, u.moved FROM u
      UNION ALL
      SELECT t.booked_on, t.class, t.other_id, t.other_id, t.expires_on, t.moved - coalesce(s.moved, 0)
        FROM t LEFT JOIN (SELECT id, sum(moved) AS moved FROM u GROUP BY id) s ON s.id = t.id WHERE t.moved <> coalesce(s.moved, 0))
  SELECT line.booked_on, line.class, (line.class IN (1, 4) AND line.moved < 0) OR (line.class IN (2, 3, 5) AND line.moved > 0),
    (date_trunc('quarter', coalesce(line.expires_on, line.booked_on + interval '24 months')) + interval '3 months - 1 day')::date,
    (CASE WHEN line.class <> 2 OR f.kind NOT IN (3, 12) OR o.float_id IS NULL AND o.kind IS DISTINCT FROM 3 THEN 0
      WHEN CASE f.kind WHEN 3 THEN f.id ELSE f.float_id END = CASE o.kind WHEN 3 THEN o.id ELSE o.float_id END THEN 1 ELSE 2 END)::smallint,
    sum(line.moved)::bigint, count(*)
  FROM line LEFT JOIN points_account f ON f.id = line.funder_id LEFT JOIN points_account o ON o.id = line.other_id
  GROUP BY 1, 2, 3, 4, 5
$$;

CREATE FUNCTION points_flows() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  low bigint; high bigint; done bigint;
BEGIN
  SELECT xid INTO low FROM points_mark WHERE name = 'flow' FOR UPDATE SKIP LOCKED;
  high := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  IF low IS NULL OR high <= low THEN RETURN 0; END IF;
  WITH g AS MATERIALIZED (SELECT * FROM points_flow_lines(low, high)),
    kept AS (
      INSERT INTO points_flow_day AS f (booked_on, class, is_back, cohort_on, origin, points, n)
        SELECT booked_on, class, is_back, cohort_on, origin, points, n FROM g ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT ON CONSTRAINT points_flow_day_once DO UPDATE SET points = f.points + excluded.points, n = f.n + excluded.n)
  SELECT coalesce(sum(n), 0) INTO done FROM g;
  UPDATE points_mark SET xid = high, moved_at = clock_timestamp() WHERE name = 'flow';
  RETURN done;
END $$;
