-- The roll-up: everything below the watermark (the oldest transaction still running) and not yet taken, summed into
-- points_account_day and, for collecting accounts, into their balance. Never by id or clock: ids commit out of order.
CREATE OR REPLACE FUNCTION points_rollup() RETURNS bigint
-- The planner cannot know how many rows are new, and would sort them all; hashing needs no sort.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_sort = off SET work_mem = '192MB' SET jit = off AS $$
DECLARE
  low bigint; high bigint; n_rows bigint;
BEGIN
  SELECT xid INTO low FROM points_mark WHERE name = 'rollup' FOR UPDATE SKIP LOCKED;
  IF low IS NULL THEN RETURN 0; END IF;          -- another worker is at it
  high := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  IF high <= low THEN RETURN 0; END IF;
  WITH g AS MATERIALIZED (
      -- One narrow pass over the history, then the three legs of far fewer groups. Sums of bigint are numeric: back at once.
      SELECT CASE WHEN debit_id <> wallet_id THEN debit_id END AS debit_id, CASE WHEN credit_id <> wallet_id THEN credit_id END AS credit_id, rest_id,
        booked_on, coalesce(due_on, booked_on) AS due_on, kind = 1 AS is_earn, sum(points)::bigint AS points, sum(rest)::bigint AS rest, count(*) AS n
      FROM points_transfer WHERE xid >= low AND xid < high GROUP BY 1, 2, 3, 4, 5, 6),
    d AS MATERIALIZED (
      -- In the order of the indexes that are written: neighbours share their pages. What a sale takes from a float is live already.
      SELECT account_id, booked_on, due_on, sum(amount)::bigint AS amount, sum(n)::bigint AS n, bool_and(is_live) AS is_live FROM (
        SELECT debit_id AS account_id, booked_on, due_on, -(points + rest) AS amount, n, is_earn AS is_live FROM g WHERE debit_id IS NOT NULL
        UNION ALL SELECT credit_id, booked_on, due_on, points, n, false FROM g WHERE credit_id IS NOT NULL
        UNION ALL SELECT rest_id, booked_on, due_on, rest, n, false FROM g WHERE rest_id IS NOT NULL) legs
      GROUP BY 1, 2, 3 ORDER BY 1, 2, 3),
    known AS MATERIALIZED (
      -- Nobody else writes here (the mark is locked), so a row is looked for once. LATERAL … LIMIT 1 pins index probes.
      SELECT d.*, a.tid FROM d LEFT JOIN LATERAL (SELECT a.ctid AS tid FROM points_account_day a
        WHERE a.account_id = d.account_id AND a.booked_on = d.booked_on AND a.due_on = d.due_on LIMIT 1) a ON true),
    i AS (INSERT INTO points_account_day (account_id, booked_on, due_on, amount, n) SELECT account_id, booked_on, due_on, amount, n FROM known WHERE tid IS NULL),
    u AS (UPDATE points_account_day a SET amount = a.amount + k.amount, n = a.n + k.n FROM known k WHERE a.ctid = k.tid),
    b AS (
      UPDATE points_account a SET balance = a.balance + s.amount
        FROM (SELECT account_id, sum(amount)::bigint AS amount FROM d WHERE NOT is_live GROUP BY account_id ORDER BY account_id) s
        WHERE a.id = s.account_id AND a.kind IN (4, 5, 6, 7, 8, 9, 10) AND s.amount <> 0)
  SELECT coalesce(sum(n), 0) INTO n_rows FROM g;
  UPDATE points_mark SET xid = high, moved_at = clock_timestamp() WHERE name = 'rollup';
  RETURN n_rows;
END $$;
