-- What an award could not move is owed: a retention of its own, so that the merchant's next proceeds pay it, oldest dispute first.
-- owed_fen: how much of wanted_fen was not there at the decision. root_id: the dispute's first retention; awarded_to_id: who gets it.
ALTER TABLE points_retention ADD COLUMN owed_fen bigint NOT NULL DEFAULT 0, ADD COLUMN root_id bigint REFERENCES points_retention,
  ADD COLUMN awarded_to_id bigint REFERENCES points_account,
  ADD CONSTRAINT points_retention_owes_what_was_not_there CHECK (owed_fen = 0 OR decided_at IS NOT NULL AND decided_to_id <> source_id AND owed_fen = wanted_fen - held_fen),
  ADD CONSTRAINT points_retention_awarded_after_a_decision CHECK ((root_id IS NULL) = (awarded_to_id IS NULL) AND (decided_to_id = awarded_to_id) IS NOT FALSE);
CREATE UNIQUE INDEX points_retention_owed_once ON points_retention (root_id) WHERE decided_at IS NULL AND root_id IS NOT NULL;
CREATE INDEX points_retention_of_root ON points_retention (root_id) WHERE root_id IS NOT NULL;

-- Late refunds (row 18): what fee and buffer still have to give back, dues that no close has counted included.
CREATE OR REPLACE FUNCTION points_owed_back() RETURNS TABLE (fee bigint, buffer bigint) LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.account_id, coalesce(sum(d.amount) FILTER (WHERE d.taken_on IS NULL), 0) AS fresh FROM points_due d
          WHERE d.account_id IN (SELECT z.account_id FROM points_due z WHERE z.paid < z.amount) GROUP BY 1),
      kept AS (
        SELECT s.fee, s.buffer, greatest(0, s.total - u.fresh) AS t, CASE WHEN a.kind = 6 THEN 10000 WHEN m.member_bps = 10000 THEN 0 ELSE m.fee_bps END AS fee_bps,
            CASE WHEN a.kind = 6 OR m.member_bps = 10000 THEN 0 ELSE m.centre_bps END AS centre_bps, CASE WHEN a.kind = 6 OR m.member_bps = 10000 THEN 0 ELSE m.promo_bps END AS promo_bps,
            CASE WHEN a.kind = 6 OR m.member_bps = 10000 THEN 10000 ELSE 10000 - m.member_bps END AS of_bps
          FROM due u JOIN points_split s ON s.account_id = u.account_id JOIN points_account a ON a.id = u.account_id LEFT JOIN points_terms m ON m.id = a.terms_id)
    SELECT (coalesce(sum(greatest(0, k.fee - div(k.t * k.fee_bps, k.of_bps))), 0)
        + (SELECT coalesce(sum(c.points - c.repaid), 0) FROM points_claim c WHERE c.debtor_id = 3 AND c.repaid < c.points))::bigint,
      coalesce(sum(greatest(0, k.buffer - (k.t - div(k.t * k.fee_bps, k.of_bps) - div(k.t * k.centre_bps, k.of_bps) - div(k.t * k.promo_bps, k.of_bps)))), 0)::bigint
    FROM kept k;
END $$;

-- Days. Merchants that hold up the clearing of a day: money or movements through it, and their books are not closed.
CREATE OR REPLACE FUNCTION points_unclosed(p_on date) RETURNS SETOF bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT f.id FROM points_account f JOIN points_account a ON a.float_id = f.id AND a.kind = 4
    WHERE f.kind = 3 AND (f.closed_on IS NULL OR f.closed_on < p_on)
      AND (a.balance <> 0 OR EXISTS (SELECT FROM points_account_day d WHERE d.account_id = a.id AND d.booked_on = p_on))
      AND NOT EXISTS (SELECT FROM points_statement s WHERE s.account_id = a.id AND s.cleared_on >= p_on)
      AND (f.opened_at AT TIME ZONE 'Asia/Shanghai')::date <= p_on;
END $$;
-- The newest day of which the book knows anything: a close or a clearing far beyond it has a wrong clock.
CREATE OR REPLACE FUNCTION points_newest_day() RETURNS date LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
  top bigint; found date; part record;
BEGIN
  SELECT last_value INTO top FROM points_transfer_id;
  SELECT max(t.booked_on) INTO found FROM points_transfer t WHERE t.id > top - 20000;
  IF found IS NOT NULL THEN RETURN found; END IF;
  FOR part IN SELECT i.inhrelid::regclass AS name FROM pg_inherits i WHERE i.inhparent = 'points_transfer'::regclass ORDER BY i.inhrelid::regclass::text DESC LOOP
    EXECUTE format('SELECT max(booked_on) FROM %s', part.name) INTO found;
    IF found IS NOT NULL THEN RETURN found; END IF;
  END LOOP;
  RETURN NULL;
END $$;
