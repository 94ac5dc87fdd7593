-- The roll-up: everything below the watermark (the oldest transaction still running) and not yet taken, summed into
-- points_account_day and, for collecting accounts, into their balance. Never by id or clock: ids commit out of order.
CREATE FUNCTION points_rollup() RETURNS bigint
-- The planner cannot know how many rows are new, and would sort them all; hashing needs no sort.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_sort = off SET work_mem = '64MB' SET jit = off AS $$
DECLARE
  low bigint; high bigint; n_rows bigint;
BEGIN
  SELECT xid INTO low FROM points_mark WHERE name = 'rollup' FOR UPDATE SKIP LOCKED;
  IF low IS NULL THEN RETURN 0; END IF;          -- another worker is at it
  high := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  IF high <= low THEN RETURN 0; END IF;
  WITH g AS MATERIALIZED (
      -- One narrow pass over the history, then the three legs of far fewer groups.
      SELECT CASE WHEN debit_id <> wallet_id THEN debit_id END AS debit_id, CASE WHEN credit_id <> wallet_id THEN credit_id END AS credit_id, rest_id,
        booked_on, coalesce(due_on, booked_on) AS due_on, sum(points) AS points, sum(rest) AS rest, count(*) AS n
      FROM points_transfer WHERE xid >= low AND xid < high GROUP BY 1, 2, 3, 4, 5),
    d AS MATERIALIZED (
      SELECT account_id, booked_on, due_on, sum(amount)::bigint AS amount, sum(n)::bigint AS n FROM (
        SELECT debit_id AS account_id, booked_on, due_on, -(points + rest) AS amount, n FROM g WHERE debit_id IS NOT NULL
        UNION ALL SELECT credit_id, booked_on, due_on, points, n FROM g WHERE credit_id IS NOT NULL
        UNION ALL SELECT rest_id, booked_on, due_on, rest, n FROM g WHERE rest_id IS NOT NULL) legs
      GROUP BY 1, 2, 3),
    u AS (
      INSERT INTO points_account_day AS a (account_id, booked_on, due_on, amount, n) SELECT * FROM d
        ON CONFLICT (account_id, booked_on, due_on) DO UPDATE SET amount = a.amount + excluded.amount, n = a.n + excluded.n),
    b AS (
      UPDATE points_account a SET balance = a.balance + s.amount
        FROM (SELECT account_id, sum(amount)::bigint AS amount FROM d GROUP BY account_id) s
        WHERE a.id = s.account_id AND a.kind IN (4, 5, 6, 7, 8, 9, 10) AND s.amount <> 0)
  SELECT coalesce(sum(n), 0) INTO n_rows FROM g;
  UPDATE points_mark SET xid = high, moved_at = clock_timestamp() WHERE name = 'rollup';
  RETURN n_rows;
END $$;
