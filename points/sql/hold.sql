-- Holds (rows 11 to 13): points set aside for a bill that is not final. No entry: parts of the wallet and of its lots are
-- out of reach of spending, adjusting and expiry. A capture gives them back and books an ordinary bill in one transaction;
-- a release (by the outlet, or when the time is over) gives them back. All changes of a hold are made under its wallet's lock.
-- The time of a hold is the database's: no till and no worker can stretch it.
CREATE TABLE points_hold (
  id bigint PRIMARY KEY,
  wallet_id bigint NOT NULL REFERENCES points_wallet,
  outlet_id bigint NOT NULL,
  float_id bigint NOT NULL REFERENCES points_account,
  points bigint NOT NULL,
  bill_fen bigint NOT NULL,                      -- the bill as it is expected: bounds the points by the terms' share
  state smallint NOT NULL DEFAULT 1,             -- 1 open, 2 captured, 3 released, 4 lapsed (its time was over)
  placed_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  closed_at timestamptz,
  captured bigint NOT NULL DEFAULT 0,
  sale_id bigint UNIQUE,
  actor varchar(40) NOT NULL,
  closed_by varchar(40) NOT NULL DEFAULT '',
  reference varchar(64) NOT NULL DEFAULT '',
  CONSTRAINT points_hold_of_a_bill CHECK (points BETWEEN 1 AND bill_fen AND bill_fen <= 2000000000),
  CONSTRAINT points_hold_seven_days_at_most CHECK (ends_at > placed_at AND ends_at <= placed_at + interval '168 hours'),
  CONSTRAINT points_hold_lawful_state CHECK (CASE state
    WHEN 1 THEN closed_at IS NULL AND sale_id IS NULL AND captured = 0 AND closed_by = ''
    WHEN 2 THEN closed_at IS NOT NULL AND sale_id IS NOT NULL AND captured BETWEEN 1 AND points AND closed_by <> ''
    WHEN 3 THEN closed_at IS NOT NULL AND sale_id IS NULL AND captured = 0 AND closed_by <> ''
    WHEN 4 THEN closed_at >= ends_at AND sale_id IS NULL AND captured = 0 AND closed_by <> '' ELSE false END)
);
CREATE INDEX points_hold_open_of_wallet ON points_hold (wallet_id) WHERE state = 1;
CREATE INDEX points_hold_open_until ON points_hold (ends_at) WHERE state = 1;
CREATE INDEX points_hold_of_outlet ON points_hold (outlet_id, placed_at);

-- Which lots a hold set points aside in: as they were when it was placed. Always mature ones.
CREATE TABLE points_hold_lot (
  hold_id bigint NOT NULL REFERENCES points_hold,
  lapses_on date NOT NULL,
  funder_id bigint NOT NULL,
  expires_on date NOT NULL,
  points bigint NOT NULL CHECK (points > 0),
  PRIMARY KEY (hold_id, lapses_on, funder_id, expires_on)
);

-- A hold is closed once; nothing else of it ever changes.
CREATE FUNCTION points_hold_closes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.state = 1 AND NEW.state <> 1 AND (NEW.id, NEW.wallet_id, NEW.outlet_id, NEW.float_id, NEW.points, NEW.bill_fen, NEW.placed_at, NEW.ends_at, NEW.actor,
        NEW.reference) = (OLD.id, OLD.wallet_id, OLD.outlet_id, OLD.float_id, OLD.points, OLD.bill_fen, OLD.placed_at, OLD.ends_at, OLD.actor, OLD.reference) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'a hold is closed once and never changed' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_hold FOR EACH ROW EXECUTE FUNCTION points_hold_closes();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_hold_lot FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_hold FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_hold_lot FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

-- Row 11. The lots that expire first are set aside first, as a spend would take them.
-- Status: 0 held, 2 points short, 3 frozen, 4 unknown wallet, 5 key reused, 50 the last day of spending is over.
CREATE OR REPLACE FUNCTION points_place_hold(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_wallet bigint, p_outlet bigint, p_terms bigint,
  p_event timestamptz, p_points integer, p_bill bigint, p_lasts interval, p_reference text, p_now timestamptz DEFAULT NULL
) RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w record; k record; r record; t record; ts timestamptz; st smallint := 0; free bigint; left_over bigint; x bigint; hid bigint; today date; overs bigint[]; usable bigint; until timestamptz;
BEGIN
  SELECT z.id, z.float_id INTO t FROM points_terms z WHERE z.id = p_terms AND p_event >= z.valid_from AND p_event < coalesce(z.valid_to, '2200-01-01 00:00+00')
    AND p_points::bigint * 10000 <= p_bill * z.spend_share_bps;
  IF t.id IS NULL OR p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_wallet IS NULL OR p_outlet IS NULL
     OR p_actor IS NULL OR length(p_actor) NOT BETWEEN 1 AND 40 OR (p_points BETWEEN 1 AND 1000000000 AND p_bill BETWEEN p_points AND 2000000000) IS NOT TRUE
     OR (p_lasts > interval '0' AND p_lasts <= interval '168 hours') IS NOT TRUE THEN
    RAISE EXCEPTION 'not a hold of these terms' USING ERRCODE = '22023';
  END IF;
  PERFORM points_check_event(p_event, p_now);
  SELECT z.balance, z.pending, z.held, z.seq, z.frozen_at INTO w FROM points_wallet z WHERE z.id = p_wallet FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> p_wallet THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  free := w.balance - w.pending - w.held;
  -- Row 37: nothing is held after the last day of spending, nor beyond it.
  today := (ts AT TIME ZONE 'Asia/Shanghai')::date; overs := points_over(today);
  SELECT free - coalesce(sum(z.remaining - z.held) FILTER (WHERE overs IS NULL OR z.funder_id = ANY (overs)), 0), (min(e.last) + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' INTO usable, until
    FROM points_lot z LEFT JOIN LATERAL (SELECT min(v.spend_ends_on) AS last FROM points_winding v JOIN points_account a ON a.id = z.funder_id WHERE v.spend_ends_on >= today AND (v.scope = 1
      OR EXISTS (SELECT FROM points_winding_float f WHERE f.winding_id = v.id AND f.float_id IN (a.id, a.float_id)))) e ON true
    WHERE z.bucket = (p_wallet % 64)::smallint AND z.wallet_id = p_wallet AND z.matures_on = '2000-01-01' AND z.remaining > z.held;
  st := CASE WHEN w.seq IS NULL THEN 4 WHEN w.frozen_at IS NOT NULL THEN 3 WHEN free < p_points THEN 2 WHEN usable < p_points THEN 50 ELSE 0 END;
  points := 0; spent := 0; rest := 0; replayed := false; status := st;
  IF st > 0 THEN
    IF st IN (2, 50) THEN balance_after := w.balance; available_after := free; figure := CASE st WHEN 2 THEN free ELSE greatest(usable, 0) END; END IF;
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, balance_after, available_after, figure, status)
      VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, balance_after, available_after, figure, st);
    RETURN NEXT; RETURN;
  END IF;
  hid := nextval('points_transfer_id');
  INSERT INTO points_hold (id, wallet_id, outlet_id, float_id, points, bill_fen, placed_at, ends_at, actor, reference)
    VALUES (hid, p_wallet, p_outlet, t.float_id, p_points, p_bill, ts, least(ts + p_lasts, until), p_actor, left(coalesce(p_reference, ''), 64));
  left_over := p_points;
  FOR r IN SELECT z.ctid AS tid, z.remaining - z.held AS remaining, z.lapses_on, z.funder_id, z.expires_on FROM points_lot z
      WHERE z.bucket = (p_wallet % 64)::smallint AND z.wallet_id = p_wallet AND z.matures_on = '2000-01-01' AND z.remaining > z.held AND z.funder_id <> ALL (overs)
      ORDER BY z.lapses_on, z.funder_id, z.expires_on LOOP
    x := least(left_over, r.remaining);
    UPDATE points_lot SET held = held + x WHERE ctid = r.tid;
    INSERT INTO points_hold_lot (hold_id, lapses_on, funder_id, expires_on, points) VALUES (hid, r.lapses_on, r.funder_id, r.expires_on, x);
    left_over := left_over - x;
    EXIT WHEN left_over = 0;
  END LOOP;
  IF left_over > 0 THEN RAISE EXCEPTION 'wallet % has fewer points in its lots than in its balance', p_wallet; END IF;
  UPDATE points_wallet SET held = held + p_points WHERE id = p_wallet;
  sale_id := hid; booked_at := ts; spent := p_points; balance_after := w.balance; available_after := free - p_points;
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, spent, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, hid, ts, balance_after, available_after, p_points, 0);
  RETURN NEXT;
END $$;

-- What a hold set aside goes back to its lots. Row 25: a lot that has lapsed meanwhile is usable until thirty days after its
-- original expiry, never counted from today; if that is over too, the next run lets it lapse. The wallet is locked by the
-- caller. Only for the functions below: not granted to anybody.
CREATE OR REPLACE FUNCTION points_let_go(p_hold bigint, p_wallet bigint, p_points bigint, p_today date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  r record; b64 smallint := (p_wallet % 64)::smallint; has_lapsed boolean;
BEGIN
  FOR r IN SELECT z.* FROM points_hold_lot z WHERE z.hold_id = p_hold ORDER BY z.lapses_on, z.funder_id, z.expires_on LOOP
    has_lapsed := r.lapses_on < p_today AND r.lapses_on = r.expires_on;
    UPDATE points_lot z SET held = z.held - r.points, remaining = z.remaining - CASE WHEN has_lapsed THEN r.points ELSE 0 END,
        earned = z.earned - CASE WHEN has_lapsed THEN r.points ELSE 0 END
      WHERE z.bucket = b64 AND z.wallet_id = p_wallet AND z.matures_on = '2000-01-01' AND z.lapses_on = r.lapses_on AND z.funder_id = r.funder_id
        AND z.expires_on = r.expires_on;
    IF NOT FOUND THEN RAISE EXCEPTION 'hold % names a lot that is not there', p_hold; END IF;
    IF has_lapsed THEN
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        VALUES (b64, p_wallet, '2000-01-01', r.expires_on + 30, r.funder_id, r.expires_on, r.points, r.points)
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET remaining = z.remaining + excluded.remaining, earned = greatest(z.earned, z.remaining + excluded.remaining), is_open = true;
    END IF;
  END LOOP;
  UPDATE points_wallet SET held = held - p_points WHERE id = p_wallet;
END $$;

-- Row 12: the bill is final. What was held comes back and the bill takes its points like any other, the lot that lapses first
-- first; what it does not need stays with the member. Money paid on the same bill earns. A wallet that was frozen after the
-- hold was placed does not stop it: the shop has served on the word of the hold. p_steps: what rules give on the bill, as in
-- points_post_awarded; NULL when none looks at it.
-- Status: as points_post_one, and 11 closed, 12 its time is over, 13 more than is held, 18 no such hold at this outlet.
CREATE OR REPLACE FUNCTION points_capture_hold(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_hold bigint, p_outlet bigint, p_rest bigint,
  p_event timestamptz, p_paid integer, p_eligible integer, p_spend integer, p_reference text, p_now timestamptz,
  p_seq bigint, p_versions bigint[], p_points bigint[], p_stamps integer[], p_before bigint[], p_first boolean, p_steps jsonb, p_facts jsonb, p_patient boolean
) RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  h record; w record; k record; b record; ts timestamptz; st smallint := 0; fig bigint;
BEGIN
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_hold IS NULL OR p_outlet IS NULL OR p_event IS NULL
     OR p_actor IS NULL OR length(p_actor) NOT BETWEEN 1 AND 40 OR (p_spend BETWEEN 1 AND 1000000000) IS NOT TRUE THEN
    RAISE EXCEPTION 'no capture' USING ERRCODE = '22023';
  END IF;
  SELECT z.wallet_id INTO h FROM points_hold z WHERE z.id = p_hold AND z.outlet_id = p_outlet;
  SELECT z.id, z.last_at, z.frozen_at INTO w FROM points_wallet z WHERE z.id = h.wallet_id FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> coalesce(h.wallet_id, 0) THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  -- Again, under the lock.
  SELECT z.* INTO h FROM points_hold z WHERE z.id = p_hold AND z.outlet_id = p_outlet;
  st := CASE WHEN h.id IS NULL THEN 18 WHEN h.state = 4 THEN 12 WHEN h.state <> 1 THEN 11
    WHEN greatest(ts, w.last_at + interval '1 microsecond') >= h.ends_at THEN 12 WHEN p_spend > h.points THEN 13 ELSE 0 END;
  IF st > 0 THEN
    fig := CASE st WHEN 13 THEN h.points END;
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, figure, status) VALUES (p_caller_kind, p_caller_id, p_key, p_body, coalesce(h.wallet_id, 0), fig, st);
    status := st; replayed := false; points := 0; spent := 0; rest := 0; figure := fig;
    RETURN NEXT; RETURN;
  END IF;
  PERFORM points_let_go(p_hold, h.wallet_id, h.points, (ts AT TIME ZONE 'Asia/Shanghai')::date);
  IF w.frozen_at IS NOT NULL THEN UPDATE points_wallet SET frozen_at = NULL WHERE id = w.id; END IF;
  IF p_steps IS NULL THEN
    SELECT z.* INTO b FROM points_post_one(p_caller_kind, p_caller_id, p_actor, p_key, p_body, w.id, p_outlet, p_rest, p_event, p_paid, p_eligible, p_spend,
      p_reference, p_now, false, p_patient) z;
  ELSE
    SELECT z.* INTO b FROM points_post_awarded(p_caller_kind, p_caller_id, p_actor, p_key, p_body, w.id, p_outlet, p_rest, p_event, p_paid, p_eligible, p_spend,
      p_reference, p_now, false, p_seq, p_versions, p_points, p_stamps, p_before, p_first, p_steps, p_facts, p_patient) z;
  END IF;
  IF w.frozen_at IS NOT NULL THEN UPDATE points_wallet SET frozen_at = w.frozen_at WHERE id = w.id; END IF;
  IF b.sale_id IS NULL OR NOT EXISTS (SELECT FROM points_account a WHERE a.id = p_rest AND a.float_id = h.float_id) THEN
    RAISE EXCEPTION 'the bill of hold % was not booked (%)', p_hold, b.status USING ERRCODE = '22023';
  END IF;
  UPDATE points_hold SET state = 2, closed_at = b.booked_at, captured = p_spend, sale_id = b.sale_id, closed_by = p_actor WHERE id = p_hold;
  status := b.status; replayed := false; sale_id := b.sale_id; booked_at := b.booked_at; points := b.points; spent := b.spent; rest := b.rest;
  balance_after := b.balance_after; available_after := b.available_after; figure := b.figure;
  RETURN NEXT;
END $$;

-- Row 13, by the outlet that placed it: no bill came of it.
-- Status: 0 released, 5 key reused, 11 closed, 12 its time is over, 18 no such hold at this outlet.
CREATE OR REPLACE FUNCTION points_release_hold(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_hold bigint, p_outlet bigint, p_now timestamptz DEFAULT NULL
) RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  h record; w record; k record; ts timestamptz; st smallint := 0;
BEGIN
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_hold IS NULL OR p_outlet IS NULL
     OR p_actor IS NULL OR length(p_actor) NOT BETWEEN 1 AND 40 THEN
    RAISE EXCEPTION 'no release' USING ERRCODE = '22023';
  END IF;
  SELECT z.wallet_id INTO h FROM points_hold z WHERE z.id = p_hold AND z.outlet_id = p_outlet;
  SELECT z.id, z.balance, z.pending, z.held INTO w FROM points_wallet z WHERE z.id = h.wallet_id FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> coalesce(h.wallet_id, 0) THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  SELECT z.* INTO h FROM points_hold z WHERE z.id = p_hold AND z.outlet_id = p_outlet;
  st := CASE WHEN h.id IS NULL THEN 18 WHEN h.state = 4 THEN 12 WHEN h.state <> 1 THEN 11 ELSE 0 END;
  status := st; replayed := false; points := 0; spent := 0; rest := 0;
  IF st > 0 THEN
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, status) VALUES (p_caller_kind, p_caller_id, p_key, p_body, coalesce(h.wallet_id, 0), st);
    RETURN NEXT; RETURN;
  END IF;
  PERFORM points_let_go(p_hold, w.id, h.points, (ts AT TIME ZONE 'Asia/Shanghai')::date);
  UPDATE points_hold SET state = 3, closed_at = ts, closed_by = p_actor WHERE id = p_hold;
  sale_id := p_hold; booked_at := ts; spent := -h.points; balance_after := w.balance; available_after := w.balance - w.pending - w.held + h.points;
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, spent, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, w.id, p_hold, ts, balance_after, available_after, -h.points, 0);
  RETURN NEXT;
END $$;

-- Row 13, by the clock: some of what is overdue, each call its own transaction. A wallet that somebody else has locked is
-- left for the next call: a capture that was in time is not waited for, and finds its hold open.
CREATE OR REPLACE FUNCTION points_release_overdue(p_limit integer, p_now timestamptz DEFAULT NULL) RETURNS TABLE (hold_id bigint, wallet_id bigint, points bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  ts timestamptz; ids bigint[]; r record;
BEGIN
  IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN RAISE EXCEPTION 'no such number' USING ERRCODE = '22023'; END IF;
  ts := points_clock(p_now);
  SELECT array_agg(z.id) INTO ids FROM (
    SELECT w.id FROM points_wallet w WHERE w.id IN (SELECT h.wallet_id FROM points_hold h WHERE h.state = 1 AND h.ends_at <= ts ORDER BY h.ends_at LIMIT p_limit)
      ORDER BY w.id FOR NO KEY UPDATE SKIP LOCKED) z;
  IF ids IS NULL THEN RETURN; END IF;
  FOR r IN SELECT h.id, h.wallet_id, h.points FROM points_hold h WHERE h.wallet_id = ANY (ids) AND h.state = 1 AND h.ends_at <= ts ORDER BY h.wallet_id, h.id LOOP
    PERFORM points_let_go(r.id, r.wallet_id, r.points, (ts AT TIME ZONE 'Asia/Shanghai')::date);
    UPDATE points_hold SET state = 4, closed_at = ts, closed_by = 'system:hold' WHERE id = r.id;
    hold_id := r.id; wallet_id := r.wallet_id; points := r.points;
    RETURN NEXT;
  END LOOP;
END $$;
