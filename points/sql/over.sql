-- After the last day of spending (row 37): what a refund found wound up, and what came back with it and went on to its funders.
ALTER TABLE points_refund
  ADD COLUMN wound bigint NOT NULL DEFAULT 0,    -- spent points that came back too late to be spent: gone on to their funders
  ADD COLUMN home bigint NOT NULL DEFAULT 0,     -- earned points that were wound up: with their funders already, no shortfall …
  ADD COLUMN home_own bigint NOT NULL DEFAULT 0, -- … those of the sale itself, which the float had paid
  ADD CONSTRAINT points_refund_wound_lawful CHECK (least(wound, home_own, home - home_own) >= 0 AND home_own <= short);
ALTER TABLE points_refund_award ADD COLUMN home bigint NOT NULL DEFAULT 0 CHECK (home >= 0),
  DROP CONSTRAINT points_refund_award_whole, ADD CONSTRAINT points_refund_award_whole CHECK (
    CASE WHEN is_outside THEN taken + charged + due + owed + home = points ELSE taken + home <= points AND charged + due + owed = 0 END AND NOT (is_reward AND taken > 0));

-- Whose points cannot be spent any more at p_on: NULL = everybody's, else those of the floats and promotion accounts that closed.
CREATE FUNCTION points_over(p_on date) RETURNS bigint[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM points_winding WHERE scope = 1 AND spend_ends_on < p_on) THEN NULL ELSE ARRAY(
    SELECT a.id FROM points_winding w JOIN points_winding_float f ON f.winding_id = w.id JOIN points_account a ON a.id = f.float_id OR a.kind = 12 AND a.float_id = f.float_id
    WHERE w.spend_ends_on < p_on) END
$$;

-- What is left of a member's points that one funder got back at the end, and no refund has counted with: an earned point that was
-- wound up is with its funder, so nobody has to bring it back once more.
CREATE FUNCTION points_home_of(p_wallet bigint, p_funder bigint) RETURNS bigint LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT (coalesce((SELECT sum(t.points) FROM points_transfer t WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet AND t.kind = 17 AND t.credit_id = p_funder), 0)
    - coalesce((SELECT sum(r.home_own) FROM points_refund r WHERE r.wallet_id = p_wallet AND r.float_id = p_funder), 0)
    - coalesce((SELECT sum(a.home) FROM points_refund r JOIN points_refund_award a ON a.refund_id = r.refund_id WHERE r.wallet_id = p_wallet AND a.payer_id = p_funder), 0))::bigint
$$;

-- Some of one lot straight to its funder: points that came into a wallet after the last day of spending. The caller holds the wallet and
-- the funder, and writes the wallet's row.
CREATE FUNCTION points_send_home(p_wallet bigint, p_lot tid, p_points bigint, p_seq bigint, p_balance bigint, p_tid bigint, p_journal bigint, p_actor text,
  p_event timestamptz, p_at timestamptz) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  l points_lot; day date := (p_at AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
  UPDATE points_lot z SET remaining = z.remaining - p_points, is_open = z.remaining > p_points WHERE z.ctid = p_lot RETURNING z.* INTO l;
  INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, expires_on, due_on, balance_after)
    VALUES (l.bucket, p_wallet, p_at, p_seq, p_tid, p_journal, 17, p_event, greatest(day, (SELECT a.closed_on + 1 FROM points_account a WHERE a.id = l.funder_id)),
      p_actor, p_wallet, l.funder_id, p_points, l.expires_on, day, p_balance);
  INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
    VALUES (l.bucket, p_wallet, p_at, p_tid, l.lapses_on, l.funder_id, l.expires_on, p_points);
  UPDATE points_account z SET balance = z.balance + p_points WHERE z.id = l.funder_id;
END $$;
