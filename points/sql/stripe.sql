-- Stripes of a busy float: allowances beside its row, so that sales which commit together need not wait for each other. What a
-- float has is its row and its allowances (points_money). Only single sales draw on an allowance, each wallet on its own one,
-- as the last thing before the commit, and never wait for a float's row afterwards. Everybody else holds the row and, where it
-- is too small or all of it is asked for, gathers the allowances; they are made, filled and gathered under the row's lock only.

-- How many allowances stand beside the row.
ALTER TABLE points_account ADD COLUMN stripes smallint NOT NULL DEFAULT 0;

CREATE TABLE points_allowance (
  float_id bigint NOT NULL REFERENCES points_account,
  stripe smallint NOT NULL CHECK (stripe BETWEEN 0 AND 15),
  balance bigint NOT NULL,
  PRIMARY KEY (float_id, stripe),
  CONSTRAINT points_allowance_never_overdrawn CHECK (balance >= 0)
) WITH (fillfactor = 10);                        -- a page for each float: updates stay in it

-- What every account has, its allowances included: ask this, not the row.
CREATE VIEW points_money AS
  SELECT a.id, a.kind, a.float_id, (a.balance + coalesce(s.balance, 0))::bigint AS balance
    FROM points_account a LEFT JOIN (SELECT z.float_id, sum(z.balance) AS balance FROM points_allowance z GROUP BY 1) s ON s.float_id = a.id;

-- Locks those of the accounts that are floats, ascending, and puts their allowances back into their rows. Whoever locks budgets
-- or later accounts too comes here first: a sale that has drawn on an allowance may still wait for them.
CREATE FUNCTION points_gather(p_accounts bigint[]) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM points_account WHERE id = ANY (p_accounts) AND kind = 3 ORDER BY id FOR NO KEY UPDATE;
  -- In a new snapshot, so that nothing is missed that was made until the lock was ours.
  WITH g AS (DELETE FROM points_allowance WHERE float_id = ANY (p_accounts) RETURNING float_id, balance)
  UPDATE points_account a SET balance = a.balance + s.balance, stripes = 0
    FROM (SELECT g.float_id, sum(g.balance)::bigint AS balance FROM g GROUP BY 1) s WHERE a.id = s.float_id;
END $$;

-- A row was too small: with all that it has, is it enough? Then it is taken. Without stripes the row has said so already.
CREATE FUNCTION points_take_gathered(p_account bigint, p_fen bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM points_account WHERE id = p_account AND stripes = 0 AND balance < p_fen) THEN RETURN false; END IF;
  PERFORM points_gather(ARRAY[p_account]);
  UPDATE points_account SET balance = balance - p_fen WHERE id = p_account AND balance >= p_fen;
  RETURN FOUND;
END $$;

-- Half of what the row has, in sixteen parts. The caller holds the row, or nobody else may.
CREATE FUNCTION points_make_stripes(p_float bigint) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  part bigint;
BEGIN
  SELECT balance / 32 INTO part FROM points_account WHERE id = p_float AND kind = 3 AND stripes = 0 FOR NO KEY UPDATE;
  IF coalesce(part, 0) = 0 THEN RETURN; END IF;
  UPDATE points_account SET balance = balance - 16 * part, stripes = 16 WHERE id = p_float;
  INSERT INTO points_allowance (float_id, stripe, balance) SELECT p_float, g, part FROM generate_series(0, 15) g;
END $$;

-- After a sale has taken from a float's row, which it holds: it waited for it, or its own allowance ran low. A float that is
-- plenty, thirty-two usual sales for each part, gets stripes; an allowance gets its share of half the row; when that would not
-- last for eight sales the float runs low and all is gathered. A usual sale: this one, or a rebate of ten yuan.
CREATE FUNCTION points_tend(p_float bigint, p_wallet bigint, p_fen bigint) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  has bigint; n smallint; usual bigint := greatest(p_fen, 1000);
BEGIN
  SELECT balance, stripes INTO has, n FROM points_account WHERE id = p_float;
  IF n = 0 THEN
    IF has / 32 >= 32 * usual THEN PERFORM points_make_stripes(p_float); END IF;
  ELSIF has / (2 * n) < 8 * usual THEN
    PERFORM points_gather(ARRAY[p_float]);
  ELSE
    UPDATE points_allowance SET balance = balance + has / (2 * n) WHERE float_id = p_float AND stripe = p_wallet % n;
    UPDATE points_account SET balance = balance - has / (2 * n) WHERE id = p_float;
  END IF;
END $$;

-- By the clock: a float that is still busy has them again at the next wait. Says whether there was anything.
CREATE FUNCTION points_fold_stripes(p_float bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM points_account WHERE id = p_float AND stripes > 0) THEN RETURN false; END IF;
  PERFORM points_gather(ARRAY[p_float]);
  RETURN true;
END $$;
