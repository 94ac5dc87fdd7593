-- What may be taken out of a collecting account (kinds 4 to 10) now. Locks its row: whoever takes, takes in turn, and the row
-- that takes is written before the lock is given back. The balance is as far as the roll-up; of the rows behind it every
-- debit counts, but only those credits whose transaction is older than ours: so the balance is never below zero in
-- the order of transactions either, which is the order of the roll-up. Too small because a credit is younger than this
-- transaction: try again in a new one (40001 is for the caller to raise).
CREATE FUNCTION points_free(p_account bigint) RETURNS bigint LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  own bigint := pg_current_xact_id()::text::bigint; free bigint;
BEGIN
  PERFORM 1 FROM points_account WHERE id = p_account FOR NO KEY UPDATE;
  SELECT a.balance + coalesce((
      SELECT sum(v.amount) FROM points_transfer t
        CROSS JOIN LATERAL (VALUES (t.debit_id, -(t.points + t.rest)), (t.credit_id, t.points), (t.rest_id, t.rest)) v(account_id, amount)
        WHERE t.xid >= m.xid AND p_account IN (t.debit_id, t.credit_id, t.rest_id) AND v.account_id = p_account
          AND (v.amount < 0 OR t.xid <= own)), 0)
    INTO free FROM points_account a, points_mark m WHERE a.id = p_account AND m.name = 'rollup';
  RETURN free;
END $$;
