-- Rewards for what is not a sale: inviting, a review, a mission (rows 26 and 27). payer → wallet, once per kind and subject. What the
-- operator's budget pays is bounded by the reward credit of the member on whose account it is given (G8), and of a referral by that
-- of the invitee, as far as the hold-back of the sales that brought it is over; both rewards together, or none. A merchant's own
-- float or promotion account pays what it has. Locks: wallets ascending → key → floats → budgets and promotion accounts.

-- Who invited whom: one inviter for good. Nobody reads a second step (G1): a reward is on the account of the invitee and goes to that
-- member and to the one inviter that stands here, by constraint.
CREATE TABLE points_referral (
  invitee_id bigint PRIMARY KEY REFERENCES points_wallet,
  inviter_id bigint NOT NULL REFERENCES points_wallet,
  invited_at timestamptz NOT NULL,
  actor varchar(40) NOT NULL,
  CONSTRAINT points_referral_not_oneself CHECK (invitee_id <> inviter_id),
  CONSTRAINT points_referral_pair UNIQUE (invitee_id, inviter_id)
);
CREATE INDEX points_referral_of_inviter ON points_referral (inviter_id);

-- What was given. id is the transfer to the member; the inviter's has its own. kind: 1 referral, 2 review, 3 mission.
CREATE TABLE points_reward (
  id bigint PRIMARY KEY,
  kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
  subject varchar(80) NOT NULL CHECK (subject <> ''),
  member_id bigint NOT NULL REFERENCES points_wallet,
  inviter_id bigint,
  payer_id bigint NOT NULL REFERENCES points_account,
  is_outside boolean NOT NULL,                   -- a budget pays: against reward credit
  points bigint NOT NULL CHECK (points > 0),
  inviter_points bigint NOT NULL,
  inviter_transfer_id bigint UNIQUE,
  on_day date NOT NULL,
  booked_at timestamptz NOT NULL,
  actor varchar(40) NOT NULL,
  CONSTRAINT points_reward_once UNIQUE (kind, subject),
  CONSTRAINT points_reward_one_level FOREIGN KEY (member_id, inviter_id) REFERENCES points_referral (invitee_id, inviter_id),
  CONSTRAINT points_reward_both_or_none CHECK (CASE WHEN kind = 1 THEN inviter_id IS NOT NULL AND inviter_points > 0 AND inviter_transfer_id IS NOT NULL AND subject = 'W' || member_id
    ELSE inviter_id IS NULL AND inviter_points = 0 AND inviter_transfer_id IS NULL END)
);
CREATE INDEX points_reward_of_member ON points_reward (member_id) WHERE is_outside;
CREATE INDEX points_reward_of_inviter ON points_reward (inviter_id, on_day) WHERE inviter_id IS NOT NULL;

-- What was taken back, one row per transfer that had given it: taken from the wallet, the rest charged to the merchant whose sale was
-- refunded (row 21), the rest of that owed by the member.
CREATE TABLE points_reward_back (
  transfer_id bigint PRIMARY KEY,
  reward_id bigint NOT NULL REFERENCES points_reward,
  wallet_id bigint NOT NULL REFERENCES points_wallet,
  refund_id bigint REFERENCES points_refund,     -- none: taken back by itself
  points bigint NOT NULL CHECK (points > 0),
  taken bigint NOT NULL CHECK (taken >= 0),
  charged bigint NOT NULL CHECK (charged >= 0),
  owed bigint NOT NULL CHECK (owed >= 0),
  red_id bigint,
  charge_id bigint,
  booked_at timestamptz NOT NULL,
  actor varchar(40) NOT NULL,
  CONSTRAINT points_reward_back_whole CHECK (taken + charged + owed = points AND (taken > 0) = (red_id IS NOT NULL) AND (charged > 0) = (charge_id IS NOT NULL)
    AND (refund_id IS NOT NULL OR charged = 0))
);
CREATE INDEX points_reward_back_of_reward ON points_reward_back (reward_id);

-- A member may owe for a reward, also without a refund. why: 5 reward (member → its payer).
ALTER TABLE points_claim ALTER COLUMN refund_id DROP NOT NULL, ADD COLUMN reward_id bigint REFERENCES points_reward,
  DROP CONSTRAINT points_claim_why_check, ADD CONSTRAINT points_claim_why_check CHECK (why BETWEEN 1 AND 5),
  ADD CONSTRAINT points_claim_for_a_refund_or_a_reward CHECK (CASE why WHEN 5 THEN reward_id IS NOT NULL ELSE reward_id IS NULL AND refund_id IS NOT NULL END);

CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_referral FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_reward FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_reward_back FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_referral FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_reward FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_reward_back FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

-- Kind 21, reward, is issued like a bonus.
CREATE OR REPLACE FUNCTION points_flow_class(p_kind smallint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_kind IN (1, 8, 14, 15, 16, 18, 21) THEN 1 -- earn, award, surplus shared, issued when paid, opening, reward; paid back (takes from what was issued)
    WHEN p_kind IN (2, 10) THEN 2                  -- spend; an advance of the buffer gives spent points back
    WHEN p_kind = 3 THEN 3
    WHEN p_kind = 4 THEN 4
    WHEN p_kind = 17 THEN 5
    WHEN p_kind IN (5, 6, 7, 9, 11, 12, 13, 19, 20) THEN 0
  END::smallint
$$;

-- Whether a member has bought and kept it, or is promised points for it: then it is too late to be invited.
CREATE FUNCTION points_has_bought(p_wallet bigint) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM points_transfer t LEFT JOIN points_reversal v ON v.sale_id = t.journal_id WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet
      AND t.kind = 1 AND t.reverses_id IS NULL AND coalesce(v.kept_bill, 1) > 0)
    OR EXISTS (SELECT FROM points_promise z WHERE z.wallet_id = p_wallet AND z.state IN (1, 2))
$$;

-- 0 noted (again: nothing new), 4 unknown wallet, 46 oneself, 47 somebody else invited this member, 48 bought before.
CREATE FUNCTION points_refer(p_invitee bigint, p_inviter bigint, p_actor text, p_at timestamptz, p_now timestamptz DEFAULT NULL) RETURNS smallint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  known bigint;
BEGIN
  IF p_invitee IS NULL OR p_inviter IS NULL OR p_actor IS NULL THEN RAISE EXCEPTION 'no invitation' USING ERRCODE = '22023'; END IF;
  PERFORM points_check_event(p_at, p_now);
  IF p_invitee = p_inviter THEN RETURN 46; END IF;
  PERFORM 1 FROM points_wallet WHERE id IN (p_invitee, p_inviter) ORDER BY id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM points_wallet WHERE id IN (p_invitee, p_inviter)) < 2 THEN RETURN 4; END IF;
  SELECT inviter_id INTO known FROM points_referral WHERE invitee_id = p_invitee;
  IF known = p_inviter THEN RETURN 0; END IF;
  IF known IS NOT NULL THEN RETURN 47; END IF;
  IF points_has_bought(p_invitee) THEN RETURN 48; END IF;
  INSERT INTO points_referral VALUES (p_invitee, p_inviter, points_clock(p_now), p_actor);
  RETURN 0;
END $$;

-- Of a wallet's reward credit, what is not safe yet: its kept sales whose hold-back is not over by the last close, less what others
-- gave on those very sales.
CREATE FUNCTION points_credit_held_back(p_wallet bigint) RETURNS bigint LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  WITH s AS MATERIALIZED (
    SELECT coalesce(p.sale_id, t.journal_id) AS sale_id, a.terms_id, t.points + t.rest AS rebate FROM points_transfer t
      JOIN points_account a ON a.id = t.rest_id JOIN points_account f ON f.id = a.float_id LEFT JOIN points_promise p ON t.kind = 15 AND p.issue_id = t.id
      WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet AND t.kind IN (1, 15) AND t.reverses_id IS NULL AND t.credit_id = p_wallet
        AND t.due_on > coalesce(f.closed_on, '2000-01-01'))
  SELECT coalesce(sum(points_credit_of(CASE WHEN v.sale_id IS NULL THEN s.rebate WHEN v.refunds = 0 THEN 0 ELSE (v.kept_eligible::bigint * t.rate_bps + 5000) / 10000 END,
        10000 - t.member_bps - t.centre_bps - t.promo_bps)
      - (SELECT coalesce(sum(w.points), 0) FROM points_award w WHERE w.sale_id = s.sale_id AND w.is_outside AND NOT w.is_loss)), 0)::bigint
    FROM s JOIN points_terms t ON t.id = s.terms_id LEFT JOIN points_reversal v ON v.sale_id = s.sale_id
$$;

-- What a budget may give on account of a member; for a referral only as far as the hold-back is over.
CREATE FUNCTION points_reward_room(p_wallet bigint, p_kind smallint) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT z.credit - z.rewarded - CASE p_kind WHEN 1 THEN greatest(0, points_credit_held_back(p_wallet)) ELSE 0 END FROM points_wallet z WHERE z.id = p_wallet
$$;

-- One part of a reward: payer → wallet, mature at once, a lot of its own funder. The caller holds wallet and payer.
CREATE FUNCTION points_reward_part(p_wallet bigint, p_payer bigint, p_points bigint, p_expires date, p_actor text, p_event timestamptz, p_ts timestamptz, p_day date,
  OUT tid bigint, OUT at timestamptz, OUT balance bigint, OUT available bigint) LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  w points_wallet;
BEGIN
  SELECT z.* INTO w FROM points_wallet z WHERE z.id = p_wallet;
  tid := nextval('points_transfer_id'); at := greatest(p_ts, w.last_at + interval '1 microsecond'); balance := w.balance + p_points; available := balance - w.pending - w.held;
  INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, matures_on, expires_on, due_on, balance_after)
    VALUES ((p_wallet % 64)::smallint, p_wallet, at, w.seq + 1, tid, tid, 21, p_event, p_day, p_actor, p_payer, p_wallet, p_points, p_day, p_expires, p_day, w.balance + p_points);
  INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
    VALUES ((p_wallet % 64)::smallint, p_wallet, '2000-01-01', p_expires, p_payer, p_expires, p_points, p_points)
    ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
    DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
  UPDATE points_wallet z SET balance = w.balance + p_points, seq = w.seq + 1, last_at = at WHERE z.id = p_wallet;
  UPDATE points_account z SET balance = z.balance - p_points WHERE z.id = p_payer;
END $$;

-- Gives a reward. Status: 0 given, 4 unknown wallet, 5 key reused, 10 payer short, 40 reward credit short (figure: how much is missing),
-- 41 given before (figure: its number), 42 nobody invited this member, 43 the inviter's limit (figure: what is left of it), 44 nothing is issued any more.
CREATE FUNCTION points_give_reward(p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_kind smallint, p_subject text, p_wallet bigint,
  p_points bigint, p_inviter_points bigint, p_payer bigint, p_expires date, p_a_day bigint, p_a_year bigint, p_event timestamptz, p_now timestamptz DEFAULT NULL)
RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  k record; payer record; inviter bigint; known bigint; ts timestamptz; today date; day date; st smallint := 0; fig bigint; room bigint; total bigint; got record; other record;
BEGIN
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_actor IS NULL OR p_kind IS NULL OR coalesce(p_subject, '') = '' OR p_wallet IS NULL
     OR (p_points BETWEEN 1 AND 1000000) IS NOT TRUE OR (p_inviter_points BETWEEN 0 AND 1000000) IS NOT TRUE OR (p_kind = 1) <> (p_inviter_points > 0)
     OR p_expires IS NULL OR p_a_day IS NULL OR p_a_year IS NULL OR EXISTS (SELECT FROM points_opening z WHERE z.account_id = p_payer) THEN
    RAISE EXCEPTION 'no reward' USING ERRCODE = '22023';
  END IF;
  PERFORM points_check_event(p_event, p_now);
  total := p_points + p_inviter_points;
  IF p_kind = 1 THEN SELECT z.inviter_id INTO inviter FROM points_referral z WHERE z.invitee_id = p_wallet; END IF;
  PERFORM 1 FROM points_wallet z WHERE z.id IN (p_wallet, inviter) ORDER BY z.id FOR NO KEY UPDATE;
  ts := points_clock(p_now); today := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  IF p_expires NOT BETWEEN today AND (today + interval '10 years')::date THEN RAISE EXCEPTION 'no such expiry' USING ERRCODE = '22023'; END IF;
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> p_wallet THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  PERFORM points_gather(ARRAY[p_payer]);
  SELECT z.id, z.kind, z.balance, z.closed_on, coalesce(z.float_id, z.id) AS whose INTO payer FROM points_account z WHERE z.id = p_payer AND z.kind IN (3, 11, 12) FOR NO KEY UPDATE;
  IF payer.id IS NULL THEN RAISE EXCEPTION 'no such payer' USING ERRCODE = '22023'; END IF;
  SELECT z.id INTO known FROM points_reward z WHERE z.kind = p_kind AND z.subject = p_subject;
  IF NOT EXISTS (SELECT FROM points_wallet z WHERE z.id = p_wallet) THEN
    st := 4;
  ELSIF known IS NOT NULL THEN
    st := 41; fig := known;
  ELSIF p_kind = 1 AND inviter IS NULL THEN
    st := 42;
  ELSIF EXISTS (SELECT FROM points_winding z WHERE z.issue_ends_on < today AND (z.scope = 1 OR EXISTS (SELECT FROM points_winding_float f WHERE f.winding_id = z.id AND f.float_id = payer.whose))) THEN
    st := 44;
  ELSIF payer.kind = 11 THEN
    room := points_reward_room(p_wallet, p_kind);
    IF room < total THEN st := 40; fig := total - room; END IF;
  END IF;
  IF st = 0 AND p_kind = 1 THEN
    -- A limit says yes or no; it never makes an amount.
    SELECT least(p_a_day - coalesce(sum(z.inviter_points) FILTER (WHERE z.on_day = today), 0), p_a_year - coalesce(sum(z.inviter_points), 0)) INTO room
      FROM points_reward z WHERE z.inviter_id = inviter AND z.on_day BETWEEN date_trunc('year', today)::date AND today;
    IF room < p_inviter_points THEN st := 43; fig := greatest(room, 0); END IF;
  END IF;
  IF st = 0 AND payer.balance < total THEN st := 10; fig := total; END IF;
  IF st > 0 THEN
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, figure, status) VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, fig, st);
    status := st; replayed := false; points := 0; spent := 0; rest := 0; figure := fig;
    RETURN NEXT; RETURN;
  END IF;
  day := greatest(today, payer.closed_on + 1);
  got := points_reward_part(p_wallet, p_payer, p_points, p_expires, p_actor, p_event, ts, day);
  IF p_kind = 1 THEN other := points_reward_part(inviter, p_payer, p_inviter_points, p_expires, p_actor, p_event, ts, day); ELSE SELECT NULL::bigint AS tid INTO other; END IF;
  IF payer.kind = 11 THEN UPDATE points_wallet z SET rewarded = z.rewarded + total WHERE z.id = p_wallet; END IF;
  INSERT INTO points_reward VALUES (got.tid, p_kind, p_subject, p_wallet, inviter, p_payer, payer.kind = 11, p_points, p_inviter_points, other.tid, today, got.at, p_actor);
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, points, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, got.tid, got.at, got.balance, got.available, p_points, 0);
  status := 0; replayed := false; sale_id := got.tid; booked_at := got.at; points := p_points; spent := 0; rest := 0; balance_after := got.balance; available_after := got.available;
  RETURN NEXT;
END $$;

-- Takes one part of a reward back, as much as is there: wallet → payer, a red-letter row. The caller holds wallet and payer.
CREATE FUNCTION points_reward_unpart(p_transfer bigint, p_wallet bigint, p_actor text, p_event timestamptz, p_ts timestamptz, OUT taken bigint, OUT red bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  o points_transfer; w points_wallet; at timestamptz; took record;
BEGIN
  SELECT z.* INTO o FROM points_transfer z WHERE z.bucket = (p_wallet % 64)::smallint AND z.wallet_id = p_wallet AND z.id = p_transfer AND z.kind = 21;
  SELECT z.* INTO w FROM points_wallet z WHERE z.id = p_wallet;
  red := nextval('points_transfer_id'); at := greatest(p_ts, w.last_at + interval '1 microsecond');
  took := points_take(p_wallet, o.points, NULL, o.debit_id, o.expires_on, red, at);
  taken := took.taken;
  IF taken = 0 THEN red := NULL; RETURN; END IF;
  INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, matures_on, expires_on, due_on, balance_after, reverses_id)
    SELECT o.bucket, p_wallet, at, w.seq + 1, red, red, 21, p_event, greatest((p_ts AT TIME ZONE 'Asia/Shanghai')::date, z.closed_on + 1), p_actor, o.debit_id, p_wallet, -took.taken,
        o.matures_on, o.expires_on, o.due_on, w.balance - took.taken, o.id FROM points_account z WHERE z.id = o.debit_id;
  UPDATE points_wallet z SET balance = w.balance - took.taken, seq = w.seq + 1, last_at = at WHERE z.id = p_wallet;
  UPDATE points_account z SET balance = z.balance + took.taken WHERE z.id = o.debit_id;
END $$;

-- The parts of a reward, the member's first.
CREATE FUNCTION points_reward_parts(p_reward bigint) RETURNS TABLE (reward_id bigint, transfer_id bigint, wallet_id bigint, payer_id bigint, points bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT z.id, v.* FROM points_reward z CROSS JOIN LATERAL (VALUES (z.id, z.member_id, z.payer_id, z.points), (z.inviter_transfer_id, z.inviter_id, z.payer_id, z.inviter_points)) v(a, b, c, d)
    WHERE z.id = p_reward AND v.a IS NOT NULL
$$;

-- Takes a reward back for a reason of its own (a review is removed): both parts. What is gone is owed by whoever had it.
-- Status: 0 taken back (figure: what is owed), 5 key reused, 45 no such reward, 49 taken back before.
CREATE FUNCTION points_take_reward(p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_reward bigint, p_event timestamptz, p_now timestamptz DEFAULT NULL)
RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  x points_reward; k record; w record; g record; took record; ts timestamptz; st smallint := 0; missing bigint := 0;
BEGIN
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_actor IS NULL OR p_reward IS NULL THEN RAISE EXCEPTION 'no reward' USING ERRCODE = '22023'; END IF;
  PERFORM points_check_event(p_event, p_now);
  SELECT z.* INTO x FROM points_reward z WHERE z.id = p_reward;
  PERFORM 1 FROM points_wallet z WHERE z.id IN (x.member_id, x.inviter_id) ORDER BY z.id FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> coalesce(x.member_id, 0) THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  st := CASE WHEN x.id IS NULL THEN 45 WHEN EXISTS (SELECT FROM points_reward_back z WHERE z.reward_id = p_reward) THEN 49 ELSE 0 END;
  IF st > 0 THEN
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, status) VALUES (p_caller_kind, p_caller_id, p_key, p_body, coalesce(x.member_id, 0), st);
    status := st; replayed := false; points := 0; spent := 0; rest := 0;
    RETURN NEXT; RETURN;
  END IF;
  PERFORM 1 FROM points_account z WHERE z.id = x.payer_id FOR NO KEY UPDATE;
  FOR g IN SELECT * FROM points_reward_parts(p_reward) LOOP
    took := points_reward_unpart(g.transfer_id, g.wallet_id, p_actor, p_event, ts);
    missing := missing + g.points - took.taken;
    INSERT INTO points_reward_back VALUES (g.transfer_id, p_reward, g.wallet_id, NULL, g.points, took.taken, 0, g.points - took.taken, took.red, NULL, ts, p_actor);
    IF took.taken < g.points THEN
      INSERT INTO points_claim (reward_id, why, debtor_id, creditor_id, points, made_at) VALUES (p_reward, 5, g.wallet_id, g.payer_id, g.points - took.taken, ts);
    END IF;
  END LOOP;
  IF x.is_outside THEN UPDATE points_wallet z SET rewarded = z.rewarded - x.points - x.inviter_points WHERE z.id = x.member_id; END IF;
  SELECT z.balance, z.balance - z.pending - z.held AS free INTO w FROM points_wallet z WHERE z.id = x.member_id;
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, figure, points, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, x.member_id, p_reward, ts, w.balance, w.free, missing, -x.points, 0);
  status := 0; replayed := false; sale_id := p_reward; booked_at := ts; points := -x.points; spent := 0; rest := 0; balance_after := w.balance; available_after := w.free; figure := missing;
  RETURN NEXT;
END $$;

-- A refund (points_refund, the same arguments), and before it: rewards of budgets that the buyer's credit no longer bears once the sale is
-- reckoned again go back whole, the newest first; both parts of a referral. After it, what was gone is charged to the merchant, at most the
-- rest that returns beyond what points_refund charges itself (row 21); the rest is owed by whoever had it. A refund that is refused, or was answered
-- before, moves nothing.
CREATE FUNCTION points_refund_rewarded(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_outlet bigint,
  p_sale bigint, p_sale_outlet bigint, p_sale_at timestamptz, p_seen integer, p_kept_bill integer, p_kept_spent integer, p_kept_eligible integer,
  p_bonus_ids bigint[], p_bonus_kept bigint[], p_cash_given boolean, p_within integer, p_event timestamptz, p_now timestamptz DEFAULT NULL, p_kept_lines jsonb DEFAULT NULL
) RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  s record; v record; t record; w record; r record; g record; took record; answer record; ts timestamptz; today date; lack bigint; undone bigint; room bigint; x bigint; tid bigint; f record;
  was_rebate bigint; now_rebate bigint; state smallint; down bigint; returns bigint; gone points_reward_back[] := '{}'; one points_reward_back; payer bigint; payers bigint[];
BEGIN
  SELECT * INTO s FROM points_sale z WHERE z.outlet_id = p_sale_outlet AND z.booked_at = p_sale_at AND z.id = p_sale AND z.kind = 1;
  -- Both wallets first: a reward that is just being given is seen below.
  PERFORM 1 FROM points_wallet z WHERE z.id = s.wallet_id OR z.id = (SELECT y.inviter_id FROM points_referral y WHERE y.invitee_id = s.wallet_id) ORDER BY z.id FOR NO KEY UPDATE;
  IF s.id IS NOT NULL AND EXISTS (SELECT FROM points_reward z WHERE z.member_id = s.wallet_id AND z.is_outside AND NOT EXISTS (SELECT FROM points_reward_back b WHERE b.reward_id = z.id)) THEN
    BEGIN
      ts := points_clock(p_now); today := (ts AT TIME ZONE 'Asia/Shanghai')::date;
      SELECT z.credit, z.rewarded INTO w FROM points_wallet z WHERE z.id = s.wallet_id;
      SELECT * INTO t FROM points_terms z WHERE z.id = s.terms_id;
      SELECT z.kept_eligible INTO v FROM points_reversal z WHERE z.sale_id = p_sale;
      SELECT z.state INTO state FROM points_promise z WHERE z.sale_id = p_sale;
      was_rebate := (coalesce(v.kept_eligible, s.eligible_fen)::bigint * s.rate_bps + 5000) / 10000; now_rebate := (p_kept_eligible::bigint * s.rate_bps + 5000) / 10000;
      IF s.reason = 0 OR state = 2 THEN
        down := points_credit_of(was_rebate, 10000 - t.member_bps - t.centre_bps - t.promo_bps) - points_credit_of(now_rebate, 10000 - t.member_bps - t.centre_bps - t.promo_bps);
        returns := was_rebate - was_rebate * s.member_bps / 10000 - now_rebate + now_rebate * s.member_bps / 10000;
      ELSE
        down := 0; returns := 0;
      END IF;
      SELECT coalesce(sum(z.points) FILTER (WHERE z.counts), 0), coalesce(array_agg(z.payer_id), '{}') INTO undone, payers
        FROM points_bonuses(s.wallet_id, p_sale, s.booked_at, s.eligible_fen, p_kept_eligible, p_bonus_ids, p_bonus_kept) z WHERE z.points > 0;
      lack := (w.rewarded - undone) - (w.credit - down);
      IF lack > 0 THEN
        PERFORM points_gather(payers || s.float_id);
        PERFORM 1 FROM points_account z WHERE z.kind IN (11, 12, 15) AND (z.id = ANY (payers) OR z.id IN (SELECT y.payer_id FROM points_reward y WHERE y.member_id = s.wallet_id AND y.is_outside)
          OR s.spent_points > 0 AND z.id IN (SELECT y.funder_id FROM points_lot y WHERE y.bucket = (s.wallet_id % 64)::smallint AND y.wallet_id = s.wallet_id))
          ORDER BY z.kind, z.id FOR NO KEY UPDATE;
        FOR r IN SELECT z.* FROM points_reward z WHERE z.member_id = s.wallet_id AND z.is_outside AND NOT EXISTS (SELECT FROM points_reward_back b WHERE b.reward_id = z.id)
            ORDER BY z.booked_at DESC, z.id DESC LOOP
          EXIT WHEN lack <= 0;
          FOR g IN SELECT * FROM points_reward_parts(r.id) LOOP
            took := points_reward_unpart(g.transfer_id, g.wallet_id, p_actor, p_event, ts);
            one := ROW(g.transfer_id, r.id, g.wallet_id, NULL, g.points, took.taken, 0, g.points - took.taken, took.red, NULL, ts, p_actor);
            gone := gone || one;
          END LOOP;
          UPDATE points_wallet z SET rewarded = z.rewarded - r.points - r.inviter_points WHERE z.id = s.wallet_id;
          lack := lack - r.points - r.inviter_points;
        END LOOP;
      END IF;
      SELECT * INTO answer FROM points_refund(p_caller_kind, p_caller_id, p_actor, p_key, p_body, p_outlet, p_sale, p_sale_outlet, p_sale_at, p_seen, p_kept_bill, p_kept_spent,
        p_kept_eligible, p_bonus_ids, p_bonus_kept, p_cash_given, p_within, p_event, p_now, p_kept_lines);
      -- Nothing was refunded: what was taken for it is as it was.
      IF answer.status <> 0 OR answer.replayed THEN RAISE EXCEPTION 'not refunded' USING ERRCODE = 'LH041'; END IF;
      room := greatest(0, returns - (SELECT z.credit_charged FROM points_refund z WHERE z.refund_id = answer.sale_id));
      FOR i IN 1 .. cardinality(gone) LOOP
        one := gone[i]; one.refund_id := answer.sale_id;
        payer := (SELECT z.payer_id FROM points_reward z WHERE z.id = one.reward_id);
        SELECT z.balance, z.closed_on INTO f FROM points_account z WHERE z.id = s.float_id;
        x := least(one.owed, room, f.balance);
        IF x > 0 THEN
          one.charge_id := points_enter(9::smallint, p_actor, p_event, ts, greatest(today, f.closed_on + 1), s.float_id, payer, x);
          UPDATE points_account z SET balance = z.balance - x WHERE z.id = s.float_id;
          UPDATE points_account z SET balance = z.balance + x WHERE z.id = payer;
          one.charged := x; one.owed := one.owed - x; room := room - x;
        END IF;
        INSERT INTO points_reward_back SELECT (one).*;
        IF one.owed > 0 THEN
          INSERT INTO points_claim (refund_id, reward_id, why, debtor_id, creditor_id, points, made_at) VALUES (one.refund_id, one.reward_id, 5, one.wallet_id, payer, one.owed, ts);
        END IF;
      END LOOP;
      status := answer.status; replayed := answer.replayed; sale_id := answer.sale_id; booked_at := answer.booked_at; points := answer.points; spent := answer.spent; rest := answer.rest;
      balance_after := answer.balance_after; available_after := answer.available_after; figure := answer.figure;
      RETURN NEXT; RETURN;
    EXCEPTION WHEN SQLSTATE 'LH041' THEN NULL;
    END;
  END IF;
  RETURN QUERY SELECT * FROM points_refund(p_caller_kind, p_caller_id, p_actor, p_key, p_body, p_outlet, p_sale, p_sale_outlet, p_sale_at, p_seen, p_kept_bill, p_kept_spent,
    p_kept_eligible, p_bonus_ids, p_bonus_kept, p_cash_given, p_within, p_event, p_now, p_kept_lines);
END $$;

-- What members owe for rewards is taken from their next mature points: wallet → payer.
CREATE FUNCTION points_recover_rewards(p_wallet bigint, p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  w record; r record; ts timestamptz; at timestamptz; today date; free bigint; x bigint; tid bigint; sq bigint; bal bigint; took record; recovered bigint := 0;
BEGIN
  SELECT z.balance, z.pending, z.held, z.seq, z.last_at INTO w FROM points_wallet z WHERE z.id = p_wallet FOR NO KEY UPDATE;
  ts := points_clock(p_now); today := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  free := w.balance - w.pending - w.held; sq := w.seq; bal := w.balance;
  IF coalesce(free, 0) <= 0 THEN RETURN 0; END IF;
  at := greatest(ts, w.last_at + interval '1 microsecond');
  PERFORM 1 FROM points_account WHERE id IN (SELECT z.creditor_id FROM points_claim z WHERE z.debtor_id = p_wallet AND z.why = 5 AND z.repaid < z.points) ORDER BY kind, id FOR NO KEY UPDATE;
  FOR r IN SELECT z.creditor_id, z.id, z.points - z.repaid AS open FROM points_claim z WHERE z.debtor_id = p_wallet AND z.why = 5 AND z.repaid < z.points ORDER BY z.id FOR NO KEY UPDATE LOOP
    x := least(r.open, free);
    EXIT WHEN x = 0;
    UPDATE points_claim SET repaid = repaid + x WHERE id = r.id;
    IF sq > w.seq THEN at := at + interval '1 microsecond'; END IF;
    tid := nextval('points_transfer_id'); sq := sq + 1; bal := bal - x; free := free - x; recovered := recovered + x;
    took := points_take(p_wallet, x, NULL, r.creditor_id, NULL, tid, at);
    IF took.taken <> x THEN RAISE EXCEPTION 'wallet % has fewer points in its lots than in its balance', p_wallet; END IF;
    INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on, balance_after)
      SELECT (p_wallet % 64)::smallint, p_wallet, at, sq, tid, tid, 18, ts, d.day, 'system:recover', p_wallet, r.creditor_id, x, d.day, bal
        FROM (SELECT greatest(today, z.closed_on + 1) AS day FROM points_account z WHERE z.id = r.creditor_id) d;
    UPDATE points_account SET balance = balance + x WHERE id = r.creditor_id;
  END LOOP;
  IF sq > w.seq THEN UPDATE points_wallet SET balance = bal, seq = sq, last_at = at WHERE id = p_wallet; END IF;
  RETURN recovered;
END $$;
