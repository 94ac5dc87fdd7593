-- Bonuses of rules. The rules are evaluated outside (points/calc/rules); here they are posted with their sale, and every limit is
-- looked at again. Locks: wallet → key → floats → budgets and promotion credit. A rule's account pays for good, so its row also
-- guards what the rule has given to all; the wallet's row guards what it has given to this member.

-- One row per rule and sale: points given (kind 8), or units that count for a stamp card. What is taken back by a void or a refund
-- is a row of that journal, below zero. Limits count by the day on which the sale happened.
CREATE TABLE points_award (
  sale_id bigint NOT NULL,
  version_id bigint NOT NULL,
  journal_id bigint NOT NULL,
  rule_id bigint NOT NULL,
  wallet_id bigint NOT NULL,
  payer_id bigint NOT NULL,
  transfer_id bigint,
  on_day date NOT NULL,
  points bigint NOT NULL,
  stamps integer NOT NULL,
  is_outside boolean NOT NULL,                   -- somebody else than the selling merchant pays (G8)
  is_loss boolean NOT NULL,                      -- out of a loss budget: exempt from G8, up to it
  is_saved boolean NOT NULL,                     -- stamps and invitations may draw on all of the saved credit
  is_pending boolean NOT NULL,
  PRIMARY KEY (sale_id, version_id, journal_id),
  CONSTRAINT points_award_given_or_taken_back CHECK (CASE WHEN journal_id = sale_id THEN points >= 0 AND stamps >= 0 ELSE points <= 0 AND stamps <= 0 END
    AND (points <> 0 OR stamps <> 0) AND (points > 0) <= (transfer_id IS NOT NULL) AND (points = 0) <= (transfer_id IS NULL))
);
CREATE UNIQUE INDEX points_award_of_transfer ON points_award (transfer_id) WHERE transfer_id IS NOT NULL;

-- Σ of the rows above: of a rule, to all (wallet 0) or to one member, on one day or in all (2000-01-01).
CREATE TABLE points_award_used (
  rule_id bigint NOT NULL,
  wallet_id bigint NOT NULL,
  on_day date NOT NULL,
  points bigint NOT NULL DEFAULT 0,
  stamps bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (rule_id, wallet_id, on_day),
  CONSTRAINT points_award_used_never_negative CHECK (points >= 0 AND stamps >= 0)
) WITH (fillfactor = 70);

-- Which sale was a member's first one at a merchant, where a rule asks for it.
CREATE TABLE points_visit (
  float_id bigint NOT NULL REFERENCES points_account,
  wallet_id bigint NOT NULL REFERENCES points_wallet,
  sale_id bigint NOT NULL,
  PRIMARY KEY (float_id, wallet_id)
);

-- Why a sale got what it got: a step for each rule that was looked at, and the facts that went in; kept for good.
CREATE TABLE points_trace (
  sale_id bigint PRIMARY KEY,
  wallet_id bigint NOT NULL,
  steps jsonb NOT NULL,
  facts jsonb NOT NULL
);

CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_award FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_trace FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_award FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_trace FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

-- What rules read besides the receipt. p_lock: the rows are locked first, in the order of posting, and nothing of it changes before
-- the caller's commit. used: [rule, member, member today, all today, all, stamps], funds: [account, balance]. A member who has
-- earned here before, or whose first visit is noted, has been here.
CREATE FUNCTION points_award_facts(p_wallet bigint, p_float bigint, p_day date, p_rules bigint[], p_payers bigint[], p_visits boolean, p_lock boolean)
RETURNS TABLE (seq bigint, tier smallint, credit bigint, is_first boolean, used jsonb, funds jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  b64 smallint := (p_wallet % 64)::smallint;
BEGIN
  IF p_lock THEN
    PERFORM 1 FROM points_wallet z WHERE z.id = p_wallet FOR NO KEY UPDATE;
    PERFORM points_gather(p_payers || p_float);
    PERFORM 1 FROM points_account z WHERE z.id = ANY (p_payers) AND z.kind IN (11, 12) ORDER BY z.kind, z.id FOR NO KEY UPDATE;
  END IF;
  SELECT z.seq, z.tier, z.credit - z.rewarded INTO seq, tier, credit FROM points_wallet z WHERE z.id = p_wallet;
  is_first := p_visits AND seq IS NOT NULL AND NOT EXISTS (SELECT FROM points_visit z WHERE z.float_id = p_float AND z.wallet_id = p_wallet)
    AND NOT (EXISTS (SELECT FROM points_lot z WHERE z.bucket = b64 AND z.wallet_id = p_wallet AND z.funder_id = p_float AND z.earned > 0)
      AND EXISTS (SELECT FROM points_transfer z WHERE z.bucket = b64 AND z.wallet_id = p_wallet AND z.kind = 1 AND z.debit_id = p_float AND z.points > 0));
  used := (SELECT coalesce(jsonb_agg(jsonb_build_array(z.rule_id, z.member, z.member_day, z.day, z.budget, z.stamps)), '[]') FROM (
    SELECT u.rule_id, coalesce(sum(u.points) FILTER (WHERE u.wallet_id <> 0 AND u.on_day = '2000-01-01'), 0) AS member,
      coalesce(sum(u.points) FILTER (WHERE u.wallet_id <> 0 AND u.on_day <> '2000-01-01'), 0) AS member_day,
      coalesce(sum(u.points) FILTER (WHERE u.wallet_id = 0 AND u.on_day <> '2000-01-01'), 0) AS day,
      coalesce(sum(u.points) FILTER (WHERE u.wallet_id = 0 AND u.on_day = '2000-01-01'), 0) AS budget,
      coalesce(sum(u.stamps) FILTER (WHERE u.wallet_id <> 0 AND u.on_day = '2000-01-01'), 0) AS stamps
    FROM points_award_used u WHERE u.rule_id = ANY (p_rules) AND u.wallet_id IN (0, p_wallet) AND u.on_day IN ('2000-01-01', p_day) GROUP BY 1) z);
  funds := (SELECT coalesce(jsonb_agg(jsonb_build_array(z.id, z.balance)), '[]') FROM points_money z
    WHERE z.id = ANY (p_payers) AND z.kind IN (3, 11, 12));
  RETURN NEXT;
END $$;

-- Bills with bonuses that commit together are posted one by one: their rows are locked before, in the order of posting.
CREATE FUNCTION points_award_hold(p_wallets bigint[], p_accounts bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM points_wallet z WHERE z.id = ANY (p_wallets) ORDER BY z.id FOR NO KEY UPDATE;
  PERFORM points_gather(p_accounts);
  PERFORM 1 FROM points_account z WHERE z.id = ANY (p_accounts) AND z.kind IN (11, 12) ORDER BY z.kind, z.id FOR NO KEY UPDATE;
END $$;

-- Adds to the sums of a rule: to this member and to all, on this day and in all. The rows of all are guarded by the payer's row.
CREATE FUNCTION points_award_count(p_rule bigint, p_wallet bigint, p_day date, p_points bigint, p_stamps integer) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  -- The row is there before anything is taken off: a row that is proposed below zero would be refused before it met the one it joins.
  INSERT INTO points_award_used AS z (rule_id, wallet_id, on_day, points, stamps)
    SELECT p_rule, v.wallet_id, v.on_day, greatest(p_points, 0), CASE WHEN v.wallet_id = 0 THEN 0 ELSE greatest(p_stamps, 0) END
      FROM (VALUES (0::bigint, '2000-01-01'::date), (0, p_day), (p_wallet, '2000-01-01'), (p_wallet, p_day)) v(wallet_id, on_day)
      WHERE p_points <> 0 OR v.wallet_id <> 0 ORDER BY v.wallet_id, v.on_day
    ON CONFLICT (rule_id, wallet_id, on_day) DO UPDATE SET points = z.points + p_points,
      stamps = z.stamps + CASE WHEN z.wallet_id = 0 THEN 0 ELSE p_stamps END;
END $$;

-- A bill and its bonuses. p_seq: the wallet's place when the rules were evaluated; p_versions with the points and stamps of each, and
-- the stamps before. Whatever moved meanwhile, or does not fit, is 40001: nothing was booked, evaluate anew (with the facts locked).
-- A bill that was answered before, is refused or is booked without points gives none; a promised one when it is paid (awaited.sql).
CREATE FUNCTION points_post_awarded(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_wallet bigint, p_outlet bigint, p_rest bigint,
  p_event timestamptz, p_paid integer, p_eligible integer, p_spend integer, p_reference text, p_now timestamptz, p_at_event boolean,
  p_seq bigint, p_versions bigint[], p_points bigint[], p_stamps integer[], p_before bigint[], p_first boolean, p_steps jsonb, p_facts jsonb,
  p_patient boolean DEFAULT false
) RETURNS TABLE (ord integer, status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  mature CONSTANT date := '2000-01-01';
  w_seq bigint; w_pending bigint; w_credit bigint; t_float bigint; t_days integer; f_closed date; is_float boolean; is_own boolean; payers bigint[]; g record;
  b64 smallint := (p_wallet % 64)::smallint; ev_day date := (p_event AT TIME ZONE 'Asia/Shanghai')::date; b_day date;
  is_mature boolean; promised date; expires date; at timestamptz; sq bigint; bal bigint; pend bigint; tid bigint; has_legs boolean;
  own_bound bigint; outside bigint := 0; own_outside bigint := 0; given bigint := 0;
BEGIN
  IF cardinality(p_versions) IS DISTINCT FROM cardinality(p_points) OR cardinality(p_versions) IS DISTINCT FROM cardinality(p_stamps)
     OR cardinality(p_versions) IS DISTINCT FROM cardinality(p_before) OR p_steps IS NULL OR p_facts IS NULL
     OR EXISTS (SELECT FROM unnest(p_points, p_stamps) z(points, stamps) WHERE (z.points >= 0 AND z.stamps >= 0 AND z.points + z.stamps > 0) IS NOT TRUE) THEN
    RAISE EXCEPTION 'no bonuses' USING ERRCODE = '22023';
  END IF;
  SELECT z.seq, z.pending, z.credit - z.rewarded INTO w_seq, w_pending, w_credit FROM points_wallet z WHERE z.id = p_wallet FOR NO KEY UPDATE;
  SELECT t.float_id, t.matures_days, f.closed_on,
      points_credit_of((p_eligible::bigint * t.rate_bps + 5000) / 10000, 10000 - t.member_bps - t.centre_bps - t.promo_bps)
    INTO t_float, t_days, f_closed, own_bound
    FROM points_account a JOIN points_terms t ON t.id = a.terms_id JOIN points_account f ON f.id = t.float_id WHERE a.id = p_rest;
  IF cardinality(p_versions) > 0 THEN
    SELECT coalesce(array_agg(z.id), '{}'), bool_or(z.kind = 3 AND (z.id <> t_float OR z.stripes > 0)), bool_or(z.id = t_float) INTO payers, is_float, is_own
      FROM unnest(p_versions, p_points) u(id, points) JOIN rules_version x ON x.id = u.id JOIN rules_rule r ON r.id = x.rule_id
      JOIN points_account z ON z.id = r.payer_id WHERE u.points > 0;
    -- Another's float that pays is locked together with the sale's own; so is the sale's own if it has stripes, since nobody
    -- waits for a float's row with an allowance in hand.
    IF is_float THEN
      PERFORM 1 FROM points_account z WHERE z.id = ANY (payers || t_float) AND z.kind = 3 ORDER BY z.id FOR NO KEY UPDATE;
    END IF;
  END IF;
  SELECT z.ord, z.status, z.replayed, z.sale_id, z.booked_at, z.points, z.spent, z.rest, z.balance_after, z.available_after, z.figure
    INTO ord, status, replayed, sale_id, booked_at, points, spent, rest, balance_after, available_after, figure
    FROM points_post_one(p_caller_kind, p_caller_id, p_actor, p_key, p_body, p_wallet, p_outlet, p_rest, p_event, p_paid, p_eligible, p_spend, p_reference,
      p_now, p_at_event, p_patient OR coalesce(is_float, false)) z;
  IF is_own AND is_float IS NOT TRUE AND EXISTS (SELECT FROM points_account z WHERE z.id = t_float AND z.stripes > 0) THEN
    RAISE EXCEPTION 'stripes were made meanwhile' USING ERRCODE = '40001';
  END IF;
  IF status <> 0 OR replayed THEN RETURN NEXT; RETURN; END IF;
  -- A figure: promised. What the rules would give is kept and comes when the sale is paid; being there counts as a visit now.
  IF figure IS NOT NULL THEN
    INSERT INTO points_trace VALUES (sale_id, p_wallet, p_steps, p_facts);
    IF p_first THEN
      INSERT INTO points_visit VALUES (t_float, p_wallet, sale_id) ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN RAISE EXCEPTION 'not the first visit' USING ERRCODE = '40001'; END IF;
    END IF;
    IF cardinality(p_versions) > 0 THEN
      INSERT INTO points_awaited (sale_id, wallet_id, told, state) VALUES (sale_id, p_wallet, (SELECT sum(z) FROM unnest(p_points) z), 1);
    END IF;
    RETURN NEXT; RETURN;
  END IF;
  IF w_seq <> p_seq THEN RAISE EXCEPTION 'the wallet moved meanwhile' USING ERRCODE = '40001'; END IF;
  INSERT INTO points_trace VALUES (sale_id, p_wallet, p_steps, p_facts);
  IF p_first THEN
    INSERT INTO points_visit VALUES (t_float, p_wallet, sale_id) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RAISE EXCEPTION 'not the first visit' USING ERRCODE = '40001'; END IF;
  END IF;
  IF cardinality(p_versions) = 0 THEN RETURN NEXT; RETURN; END IF;

  SELECT z.seq, z.last_at, z.balance, z.pending INTO sq, at, bal, pend FROM points_wallet z WHERE z.id = p_wallet;
  has_legs := sq > w_seq;
  IF NOT has_legs THEN at := booked_at - interval '1 microsecond'; END IF;
  -- Row 41: maturity, expiry and close count from the arrival, with the points of the sale.
  b_day := (booked_at AT TIME ZONE 'Asia/Shanghai')::date;
  promised := b_day + t_days;
  is_mature := CASE WHEN points > 0 THEN pend = w_pending ELSE promised <= b_day END;
  expires := (date_trunc('quarter', b_day + interval '24 months') + interval '3 months - 1 day')::date;
  -- Floats are locked above; these come after all floats.
  IF cardinality(payers) > 1 THEN
    PERFORM 1 FROM points_account z WHERE z.id = ANY (payers) AND z.kind IN (11, 12) ORDER BY z.kind, z.id FOR NO KEY UPDATE;
  END IF;
  FOR g IN
    SELECT u.id, u.points, u.stamps, u.before, x.rule_id, r.payer_id, a.kind, f.closed_on,
      x.state IN ('approved', 'live', 'ended') AND x.starts_at <= p_event AND (x.ends_at IS NULL OR p_event < x.ends_at) AS in_force,
      a.kind = 11 OR CASE a.kind WHEN 3 THEN a.id ELSE a.float_id END <> t_float AS is_outside,
      x.definition ? 'loss' AND x.definition -> 'loss' <> 'null' AS is_loss,
      coalesce((x.definition -> 'scope' ->> 'stamp_every')::bigint, 0) > 0 OR coalesce(x.definition -> 'effect' ->> 'to', 'member') <> 'member' AS is_saved,
      (x.definition -> 'caps' ->> 'bill')::bigint AS bill, (x.definition -> 'caps' ->> 'member_day')::bigint AS member_day,
      (x.definition -> 'caps' ->> 'member')::bigint AS member, (x.definition -> 'caps' ->> 'day')::bigint AS day,
      least((x.definition -> 'caps' ->> 'budget')::bigint, (x.definition -> 'loss' ->> 'fen')::bigint) AS budget
    FROM unnest(p_versions, p_points, p_stamps, p_before) WITH ORDINALITY u(id, points, stamps, before, o)
    LEFT JOIN rules_version x ON x.id = u.id LEFT JOIN rules_rule r ON r.id = x.rule_id LEFT JOIN points_account a ON a.id = r.payer_id
    LEFT JOIN points_account f ON f.id = CASE a.kind WHEN 3 THEN a.id ELSE a.float_id END
    ORDER BY u.o
  LOOP
    IF g.in_force IS NOT TRUE OR g.kind NOT IN (3, 11, 12) THEN RAISE EXCEPTION 'rule % is not in force', g.id USING ERRCODE = '40001'; END IF;
    tid := NULL;
    IF g.points > 0 THEN
      UPDATE points_account z SET balance = z.balance - g.points WHERE z.id = g.payer_id AND z.balance >= g.points;
      IF NOT FOUND THEN RAISE EXCEPTION 'the payer of rule % ran short meanwhile', g.id USING ERRCODE = '40001'; END IF;
      tid := CASE WHEN has_legs THEN nextval('points_transfer_id') ELSE sale_id END;
      has_legs := true;
      at := at + interval '1 microsecond'; sq := sq + 1; bal := bal + g.points; given := given + g.points;
      IF NOT is_mature THEN pend := pend + g.points; END IF;
      IF g.is_outside AND NOT g.is_loss THEN
        outside := outside + g.points;
        IF NOT g.is_saved THEN own_outside := own_outside + g.points; END IF;
      END IF;
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        VALUES (b64, p_wallet, CASE WHEN is_mature THEN mature ELSE promised END, expires, g.payer_id, expires, g.points, g.points)
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor,
          debit_id, credit_id, points, matures_on, expires_on, balance_after)
        VALUES (b64, p_wallet, at, sq, tid, sale_id, 8, p_event, greatest(b_day, f_closed + 1, g.closed_on + 1), p_outlet, p_actor,
          g.payer_id, p_wallet, g.points, CASE WHEN is_mature THEN least(ev_day, b_day) ELSE promised END, expires, bal);
    END IF;
    INSERT INTO points_award (sale_id, version_id, journal_id, rule_id, wallet_id, payer_id, transfer_id, on_day, points, stamps, is_outside, is_loss, is_saved, is_pending)
      VALUES (sale_id, g.id, sale_id, g.rule_id, p_wallet, g.payer_id, tid, ev_day, g.points, g.stamps, g.is_outside, g.is_loss, g.is_saved, NOT is_mature);
    PERFORM points_award_count(g.rule_id, p_wallet, ev_day, g.points, g.stamps);
    IF g.points > g.bill OR EXISTS (SELECT FROM points_award_used z WHERE z.rule_id = g.rule_id AND z.wallet_id IN (0, p_wallet) AND z.on_day IN (mature, ev_day)
        AND (g.points > 0 AND z.points > CASE WHEN z.wallet_id = 0 THEN CASE WHEN z.on_day = mature THEN g.budget ELSE g.day END
              ELSE CASE WHEN z.on_day = mature THEN g.member ELSE g.member_day END END
          OR z.wallet_id <> 0 AND z.on_day = mature AND g.stamps > 0 AND z.stamps <> g.before + g.stamps)) THEN
      RAISE EXCEPTION 'a limit of rule % was reached meanwhile', g.id USING ERRCODE = '40001';
    END IF;
  END LOOP;
  IF own_outside > own_bound OR outside > greatest(w_credit + own_bound, 0) THEN
    RAISE EXCEPTION 'more from others than the sale allows' USING ERRCODE = '40001';
  END IF;
  IF given > 0 THEN
    UPDATE points_wallet z SET balance = bal, pending = pend, seq = sq, last_at = at, rewarded = z.rewarded + outside WHERE z.id = p_wallet;
  END IF;
  balance_after := balance_after + given;
  available_after := available_after + CASE WHEN is_mature THEN given ELSE 0 END;
  RETURN NEXT;
END $$;

-- Takes note that a bonus, or a part of it, is undone: p_transfer gave it, p_red is the red-letter row that took it from the wallet (none
-- when somebody else made good for all of it). The caller has locked wallet and payer and moves the money; this writes the sums that
-- limits look at. p_is_whole: its stamps do not count any more either. Returns what falls off the wallet's `rewarded`.
CREATE FUNCTION points_award_undone(p_transfer bigint, p_journal bigint, p_red bigint, p_points bigint, p_is_whole boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  a points_award;
BEGIN
  SELECT z.* INTO a FROM points_award z WHERE z.transfer_id = p_transfer;
  IF a.sale_id IS NULL OR p_points = 0 AND NOT (p_is_whole AND a.stamps > 0) THEN RETURN 0; END IF;
  IF NOT p_is_whole THEN a.stamps := 0; END IF;
  INSERT INTO points_award (sale_id, version_id, journal_id, rule_id, wallet_id, payer_id, transfer_id, on_day, points, stamps, is_outside, is_loss, is_saved, is_pending)
    VALUES (a.sale_id, a.version_id, p_journal, a.rule_id, a.wallet_id, a.payer_id, p_red, a.on_day, -p_points, -a.stamps, a.is_outside, a.is_loss, a.is_saved, a.is_pending);
  PERFORM points_award_count(a.rule_id, a.wallet_id, a.on_day, -p_points, -a.stamps);
  RETURN CASE WHEN a.is_outside AND NOT a.is_loss THEN p_points ELSE 0 END;
END $$;

-- The whole sale is undone: stamps that it counted for without a gift, and the first visit, are as they were.
CREATE FUNCTION points_award_unstamp(p_sale bigint, p_wallet bigint, p_float bigint, p_journal bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  a points_award;
BEGIN
  DELETE FROM points_visit z WHERE z.float_id = p_float AND z.wallet_id = p_wallet AND z.sale_id = p_sale;
  FOR a IN SELECT z.* FROM points_award z WHERE z.sale_id = p_sale AND z.journal_id = p_sale AND z.transfer_id IS NULL LOOP
    INSERT INTO points_award (sale_id, version_id, journal_id, rule_id, wallet_id, payer_id, transfer_id, on_day, points, stamps, is_outside, is_loss, is_saved, is_pending)
      VALUES (a.sale_id, a.version_id, p_journal, a.rule_id, a.wallet_id, a.payer_id, NULL, a.on_day, 0, -a.stamps, a.is_outside, a.is_loss, a.is_saved, a.is_pending);
    PERFORM points_award_count(a.rule_id, a.wallet_id, a.on_day, 0, -a.stamps);
  END LOOP;
END $$;
