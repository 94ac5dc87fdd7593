-- Bonuses of promised sales (rows 8 to 10). The rules look at such a sale when it is made, and the member is told what they would give;
-- nothing is set aside for it: no budget and no limit waits for a bill that may never be paid. When the promise is paid, the
-- same rules give by the facts of the purchase, as far as their budgets and limits then go, and never more than was told. A stamp
-- card counts the sale then. What is given is one more transfer of kind 8 in the sale's journal. A promise that is dropped or
-- undone takes its bonuses with it. Locks: wallet → floats → budgets and promotion credit.

-- state: 1 waits for the bill, 2 paid: due, 3 given (points, by these facts), 4 dropped with its promise.
CREATE TABLE points_awaited (
  sale_id bigint PRIMARY KEY REFERENCES points_promise,
  wallet_id bigint NOT NULL REFERENCES points_wallet,
  told bigint NOT NULL CHECK (told >= 0),
  state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
  points bigint NOT NULL DEFAULT 0 CHECK (points >= 0),
  facts jsonb,
  settled_at timestamptz,
  CONSTRAINT points_awaited_settled CHECK ((state >= 3) = (settled_at IS NOT NULL) AND (state = 3) = (facts IS NOT NULL) AND (state = 3 OR points = 0))
) WITH (fillfactor = 70);
CREATE INDEX points_awaited_due ON points_awaited (sale_id) WHERE state = 2;

-- Whatever ends a promise says what becomes of its bonuses: paid, they are due; given up or undone, they are dropped.
CREATE FUNCTION points_promise_ends() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE points_awaited SET state = CASE NEW.state WHEN 2 THEN 2 ELSE 4 END, settled_at = CASE WHEN NEW.state <> 2 THEN NEW.settled_at END
    WHERE sale_id = NEW.sale_id AND state = 1;
  RETURN NULL;
END $$;
CREATE TRIGGER points_promise_ends AFTER UPDATE OF state ON points_promise FOR EACH ROW WHEN (OLD.state = 1 AND NEW.state <> 1) EXECUTE FUNCTION points_promise_ends();

-- Gives the bonuses of a promised sale that was paid: p_points and p_stamps of each version, reckoned while wallet and payers were locked
-- (p_seq: the wallet's place then; else 40001). Every limit is looked at again. Answers how many points were given.
CREATE FUNCTION points_give_awaited(p_sale bigint, p_seq bigint, p_versions bigint[], p_points bigint[], p_stamps integer[], p_before bigint[], p_facts jsonb,
  p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  mature CONSTANT date := '2000-01-01';
  w record; p record; s record; t record; f_closed date; g record; v record; b64 smallint; ts timestamptz; today date; ev_day date; at timestamptz; sq bigint; bal bigint; pend bigint;
  matures date; expires date; is_mature boolean; has_legs boolean; tid bigint; own_bound bigint; outside bigint := 0; own_outside bigint := 0; given bigint := 0; payers bigint[];
BEGIN
  SELECT z.wallet_id INTO w FROM points_awaited z WHERE z.sale_id = p_sale;
  IF w.wallet_id IS NULL OR p_facts IS NULL OR cardinality(p_versions) IS DISTINCT FROM cardinality(p_points) OR cardinality(p_versions) IS DISTINCT FROM cardinality(p_stamps)
     OR cardinality(p_versions) IS DISTINCT FROM cardinality(p_before)
     OR EXISTS (SELECT FROM unnest(p_points, p_stamps) z(points, stamps) WHERE (z.points >= 0 AND z.stamps >= 0 AND z.points + z.stamps > 0) IS NOT TRUE) THEN
    RAISE EXCEPTION 'no bonuses' USING ERRCODE = '22023';
  END IF;
  SELECT z.id, z.balance, z.pending, z.seq, z.last_at, z.credit - z.rewarded AS credit INTO w FROM points_wallet z WHERE z.id = w.wallet_id FOR NO KEY UPDATE;
  IF w.seq <> p_seq THEN RAISE EXCEPTION 'the wallet moved meanwhile' USING ERRCODE = '40001'; END IF;
  IF NOT EXISTS (SELECT FROM points_awaited z WHERE z.sale_id = p_sale AND z.state = 2) THEN RETURN 0; END IF;
  SELECT * INTO p FROM points_promise z WHERE z.sale_id = p_sale;
  SELECT * INTO s FROM points_sale z WHERE z.outlet_id = p.outlet_id AND z.booked_at = p.booked_at AND z.id = p_sale;
  SELECT z.*, 10000 - z.member_bps - z.centre_bps - z.promo_bps AS kept_bps INTO t FROM points_terms z WHERE z.id = p.terms_id;
  SELECT coalesce(array_agg(z.id), '{}') INTO payers FROM unnest(p_versions, p_points) u(id, points) JOIN rules_version x ON x.id = u.id JOIN rules_rule r ON r.id = x.rule_id
    JOIN points_account z ON z.id = r.payer_id WHERE u.points > 0;
  PERFORM points_gather(payers || p.float_id);
  PERFORM 1 FROM points_account z WHERE z.id = ANY (payers) AND z.kind IN (11, 12) ORDER BY z.kind, z.id FOR NO KEY UPDATE;
  f_closed := (SELECT z.closed_on FROM points_account z WHERE z.id = p.float_id);
  ts := points_clock(p_now); today := (ts AT TIME ZONE 'Asia/Shanghai')::date; ev_day := (s.event_at AT TIME ZONE 'Asia/Shanghai')::date;
  b64 := (w.id % 64)::smallint; sq := w.seq; bal := w.balance; pend := w.pending;
  at := greatest(ts - interval '1 microsecond', w.last_at);
  matures := greatest(p.matures_on, today); is_mature := matures <= today;
  expires := CASE WHEN p.expires_on > today THEN p.expires_on ELSE today + 30 END;
  -- What stays of the sale bears its bonuses.
  SELECT z.kept_eligible INTO v FROM points_reversal z WHERE z.sale_id = p_sale;
  own_bound := points_credit_of((coalesce(v.kept_eligible, s.eligible_fen)::bigint * s.rate_bps + 5000) / 10000, t.kept_bps);
  has_legs := EXISTS (SELECT FROM points_transfer z WHERE z.bucket = b64 AND z.wallet_id = w.id AND z.booked_at BETWEEN s.booked_at AND s.booked_at + interval '1 millisecond'
    AND z.journal_id = p_sale);
  FOR g IN
    SELECT u.id, u.points, u.stamps, u.before, x.rule_id, r.payer_id, a.kind, f.closed_on,
      x.state IN ('approved', 'live', 'ended') AND x.starts_at <= s.event_at AND (x.ends_at IS NULL OR s.event_at < x.ends_at) AS in_force,
      a.kind = 11 OR CASE a.kind WHEN 3 THEN a.id ELSE a.float_id END <> p.float_id AS is_outside,
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
    IF g.in_force IS NOT TRUE OR g.kind NOT IN (3, 11, 12) THEN RAISE EXCEPTION 'rule % was not in force', g.id USING ERRCODE = '40001'; END IF;
    tid := NULL;
    IF g.points > 0 THEN
      UPDATE points_account z SET balance = z.balance - g.points WHERE z.id = g.payer_id AND z.balance >= g.points;
      IF NOT FOUND THEN RAISE EXCEPTION 'the payer of rule % ran short meanwhile', g.id USING ERRCODE = '40001'; END IF;
      tid := CASE WHEN has_legs THEN nextval('points_transfer_id') ELSE p_sale END;
      has_legs := true;
      at := at + interval '1 microsecond'; sq := sq + 1; bal := bal + g.points; given := given + g.points;
      IF NOT is_mature THEN pend := pend + g.points; END IF;
      IF g.is_outside AND NOT g.is_loss THEN
        outside := outside + g.points;
        IF NOT g.is_saved THEN own_outside := own_outside + g.points; END IF;
      END IF;
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        VALUES (b64, w.id, CASE WHEN is_mature THEN mature ELSE matures END, expires, g.payer_id, expires, g.points, g.points)
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor,
          debit_id, credit_id, points, matures_on, expires_on, balance_after)
        VALUES (b64, w.id, at, sq, tid, p_sale, 8, ts, greatest(today, f_closed + 1, g.closed_on + 1), p.outlet_id, 'system:promises',
          g.payer_id, w.id, g.points, matures, expires, bal);
    END IF;
    INSERT INTO points_award (sale_id, version_id, journal_id, rule_id, wallet_id, payer_id, transfer_id, on_day, points, stamps, is_outside, is_loss, is_saved, is_pending)
      VALUES (p_sale, g.id, p_sale, g.rule_id, w.id, g.payer_id, tid, ev_day, g.points, g.stamps, g.is_outside, g.is_loss, g.is_saved, NOT is_mature);
    PERFORM points_award_count(g.rule_id, w.id, ev_day, g.points, g.stamps);
    IF g.points > g.bill OR EXISTS (SELECT FROM points_award_used z WHERE z.rule_id = g.rule_id AND z.wallet_id IN (0, w.id) AND z.on_day IN (mature, ev_day)
        AND (g.points > 0 AND z.points > CASE WHEN z.wallet_id = 0 THEN CASE WHEN z.on_day = mature THEN g.budget ELSE g.day END
              ELSE CASE WHEN z.on_day = mature THEN g.member ELSE g.member_day END END
          OR z.wallet_id <> 0 AND z.on_day = mature AND g.stamps > 0 AND z.stamps <> g.before + g.stamps)) THEN
      RAISE EXCEPTION 'a limit of rule % was reached meanwhile', g.id USING ERRCODE = '40001';
    END IF;
  END LOOP;
  IF own_outside > own_bound OR outside > greatest(w.credit, 0) THEN RAISE EXCEPTION 'more from others than the sale allows' USING ERRCODE = '40001'; END IF;
  IF given > 0 THEN
    UPDATE points_wallet z SET balance = bal, pending = pend, seq = sq, last_at = at, rewarded = z.rewarded + outside WHERE z.id = w.id;
  END IF;
  UPDATE points_awaited z SET state = 3, points = given, facts = p_facts, settled_at = ts WHERE z.sale_id = p_sale;
  RETURN given;
END $$;

-- What stays of each line of a sale, where lines came back as such; and the refund that says so.
ALTER TABLE points_reversal ADD COLUMN kept_lines jsonb;
DROP FUNCTION IF EXISTS points_refund(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, integer, integer, integer, bigint[], bigint[], boolean, integer, timestamptz, timestamptz);
