-- What a posting pays for on every row, made lighter: the same laws and the same searches with fewer parts
-- (docs/decisions/cost-of-a-single-posting.md).

-- A BRIN index answers for each of its columns alone: one index instead of three is written once per row.
CREATE INDEX IF NOT EXISTS points_transfer_brin ON points_transfer USING brin (xid, id, booked_at) WITH (pages_per_range = 16, autosummarize = on);
DROP INDEX IF EXISTS points_transfer_xid, points_transfer_id_brin, points_transfer_booked_brin;
CREATE INDEX IF NOT EXISTS points_sale_brin ON points_sale USING brin (id, booked_at) WITH (pages_per_range = 16, autosummarize = on);
DROP INDEX IF EXISTS points_sale_id_brin, points_sale_booked_brin;

-- PostgreSQL reads each CHECK anew for every statement, and what it costs is its length: one short CHECK per table. No column is NULL.
ALTER TABLE points_wallet DROP CONSTRAINT IF EXISTS points_wallet_reward_credit, DROP CONSTRAINT points_wallet_never_overdrawn,
  ADD CONSTRAINT points_wallet_never_overdrawn CHECK (least(balance - held - pending, pending, held, credit, rewarded) >= 0);
ALTER TABLE points_lot DROP CONSTRAINT IF EXISTS points_lot_held_within_what_remains, DROP CONSTRAINT points_lot_within_what_was_earned,
  ADD CONSTRAINT points_lot_within_what_was_earned CHECK (least(held, remaining - held, earned - remaining) >= 0);

-- The row laws of the history look first whether this is the usual row: each operator costs, since PL/pgSQL prepares an
-- expression anew in every transaction. What does not pass at once is looked at as a whole and told what is wrong with it.
CREATE OR REPLACE FUNCTION points_transfer_lawful(points bigint, rest bigint, rest_id bigint, debit_id bigint, credit_id bigint, balance_after bigint, reverses_id bigint)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF reverses_id IS NULL AND least(points, rest, balance_after) >= 0 AND points + rest > 0 AND (rest_id IS NOT NULL OR rest = 0) AND debit_id <> credit_id THEN
    RETURN true;
  END IF;
  IF (CASE WHEN reverses_id IS NULL THEN points >= 0 AND rest >= 0 AND points + rest > 0 ELSE points <= 0 AND rest <= 0 AND points + rest < 0 END)
     AND (rest = 0 OR rest_id IS NOT NULL) AND debit_id <> credit_id AND coalesce(balance_after >= 0, true) THEN RETURN true; END IF;
  RAISE EXCEPTION 'a transfer moves in one direction between two accounts, its rest has an account, and no balance is negative'
    USING ERRCODE = '23514';
END $$;
