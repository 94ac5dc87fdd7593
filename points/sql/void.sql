-- The lot into which a transfer put its points, while it is still apart, or the mature one that it joined.
CREATE OR REPLACE FUNCTION points_own_lot(p_wallet bigint, p_pending boolean, p_matures date, p_funder bigint, p_expires date) RETURNS points_lot
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT z.* FROM points_lot z WHERE z.bucket = (p_wallet % 64)::smallint AND z.wallet_id = p_wallet AND z.lapses_on = p_expires
    AND z.funder_id = p_funder AND z.expires_on = p_expires AND (z.matures_on = '2000-01-01' OR p_pending AND z.matures_on = p_matures)
    ORDER BY z.matures_on DESC LIMIT 1
$$;

-- The whole sale undone, at the same outlet, within ten minutes: red-letter rows with the same accounts. Points that were
-- spent come back first, to their lots (row 25: into an expired lot until 30 days after its expiry); then what was earned
-- is taken from the sale's own lot. Nothing is undone when those points are gone.
-- Nor when others have given on the strength of it: only a refund can charge that to the shop (row 21).
-- Status: 0 booked, 5 key reused, 6 sale unknown, 7 void already, 8 too late, 9 points gone, 31 refunded in part, 32 the proceeds were
-- cleared, 33 rewards rest on it.
CREATE OR REPLACE FUNCTION points_void(
  p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_outlet bigint, p_sale bigint,
  p_event timestamptz, p_now timestamptz DEFAULT NULL
) RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  mature CONSTANT date := '2000-01-01';
  s record; w record; k record; g record; r record; sold record; own points_lot;
  ts timestamptz; today date; st smallint := 0; jid bigint; tid bigint; at timestamptz; first_at timestamptz; bal bigint; pend bigint; sq bigint;
  lapses date; day date; wallet bigint; fig bigint; total bigint; given bigint := 0; payers bigint[] := '{}'; issue bigint; until timestamptz; returned bigint := 0;
BEGIN
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_outlet IS NULL OR p_sale IS NULL OR p_event IS NULL
     OR p_actor IS NULL OR length(p_actor) > 40 THEN
    RAISE EXCEPTION 'no void' USING ERRCODE = '22023';
  END IF;
  PERFORM points_check_event(p_event, p_now);
  -- Recent sales first: the outlet's index by time. An old one is looked for only to say that it is too late.
  SELECT * INTO s FROM points_sale z WHERE z.outlet_id = p_outlet AND z.id = p_sale AND z.kind = 1
    AND z.booked_at >= coalesce(p_now, clock_timestamp()) - interval '1 day' AND z.booked_at <= coalesce(p_now, clock_timestamp()) + interval '1 day';
  IF s.id IS NULL THEN
    SELECT * INTO s FROM points_sale z WHERE z.outlet_id = p_outlet AND z.id = p_sale AND z.kind = 1 LIMIT 1;
  END IF;
  wallet := coalesce(s.wallet_id, 0);
  SELECT z.balance, z.pending, z.held, z.seq, z.last_at, z.credit, z.rewarded INTO w FROM points_wallet z WHERE z.id = wallet FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> wallet THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  bal := w.balance; pend := w.pending; sq := w.seq;
  st := CASE WHEN s.id IS NULL THEN 6 WHEN EXISTS (SELECT FROM points_reversal z WHERE z.sale_id = p_sale AND z.refunds > 0) THEN 31
             WHEN EXISTS (SELECT FROM points_reversal z WHERE z.sale_id = p_sale) THEN 7
             WHEN ts > s.booked_at + interval '10 minutes' THEN 8
             -- Over midnight after the last day of spending: a refund sends them on to their funders.
             WHEN s.spent_points > 0 AND EXISTS (SELECT FROM points_winding z WHERE z.spend_ends_on < (ts AT TIME ZONE 'Asia/Shanghai')::date) AND EXISTS (
               SELECT FROM points_lot_use u, points_over((ts AT TIME ZONE 'Asia/Shanghai')::date) o WHERE u.bucket = (wallet % 64)::smallint AND u.wallet_id = wallet
                 AND u.booked_at = s.booked_at AND u.transfer_id = p_sale AND (o IS NULL OR u.funder_id = ANY (o))) THEN 8 ELSE 0 END;
  IF st = 0 AND s.reason = 2 THEN
    -- Promised: given up, or (paid within these minutes) the row that issued it is undone. Whoever pays holds the float.
    PERFORM 1 FROM points_account z WHERE z.id = s.float_id FOR NO KEY UPDATE;
    issue := (SELECT z.issue_id FROM points_promise z WHERE z.sale_id = p_sale);
  END IF;
  until := CASE WHEN issue IS NULL THEN s.booked_at + interval '1 millisecond' ELSE 'infinity' END;
  IF st = 0 THEN
    -- The sale's own points, and the bonuses that others gave on it: each must still lie in its own lot.
    FOR g IN SELECT z.debit_id, z.matures_on, z.expires_on, sum(z.points)::bigint AS points,
          z.matures_on > least((z.event_at AT TIME ZONE 'Asia/Shanghai')::date, (z.booked_at AT TIME ZONE 'Asia/Shanghai')::date) AS was_pending
        FROM points_transfer z
        WHERE z.bucket = (wallet % 64)::smallint AND z.wallet_id = wallet AND z.booked_at BETWEEN s.booked_at AND until
          AND (z.journal_id = p_sale OR z.id = issue) AND z.kind IN (1, 8, 15) AND z.points > 0 GROUP BY 1, 2, 3, 5 LOOP
      own := points_own_lot(wallet, g.was_pending, g.matures_on, g.debit_id, g.expires_on);
      -- What this very bill took from that lot comes back first.
      total := coalesce(own.remaining - own.held, 0);
      IF s.spent_points > 0 AND own.matures_on = mature THEN
        total := total + coalesce((SELECT sum(z.points) FROM points_lot_use z WHERE z.bucket = (wallet % 64)::smallint AND z.wallet_id = wallet
          AND z.booked_at = s.booked_at AND z.transfer_id = p_sale AND z.funder_id = own.funder_id AND z.expires_on = own.expires_on
          AND z.lapses_on = own.lapses_on AND z.lapses_on >= (ts AT TIME ZONE 'Asia/Shanghai')::date), 0);
      END IF;
      IF total < g.points THEN st := 9; fig := coalesce(fig, 0) + g.points - total; END IF;
      payers := payers || g.debit_id;
    END LOOP;
    IF st = 0 AND EXISTS (SELECT FROM points_award z JOIN points_refund_award c ON c.transfer_id = z.transfer_id WHERE z.sale_id = p_sale) THEN st := 33; END IF;
    SELECT coalesce(sum(z.points) FILTER (WHERE z.is_outside AND NOT z.is_loss), 0) INTO total FROM points_award z WHERE z.sale_id = p_sale;
    IF st = 0 AND (s.reason = 0 OR issue IS NOT NULL) AND w.rewarded - total > greatest(w.credit, w.rewarded)
        - (SELECT points_credit_of(s.rebate_fen, 10000 - z.member_bps - z.centre_bps - z.promo_bps) FROM points_terms z WHERE z.id = s.terms_id) THEN st := 33; END IF;
  END IF;
  IF st = 0 THEN
    PERFORM 1 FROM points_account z WHERE z.kind = 3 AND (z.id = s.float_id OR z.id = ANY (payers)) ORDER BY z.id FOR NO KEY UPDATE;
    PERFORM 1 FROM points_account z WHERE z.kind IN (11, 12) AND z.id = ANY (payers) ORDER BY z.id FOR NO KEY UPDATE;
    -- Points that were spent come out of the proceeds, if they are still there.
    IF s.spent_points > s.spend_fee AND points_free((SELECT z.proceeds_id FROM points_terms z WHERE z.id = s.terms_id)) < s.spent_points - s.spend_fee THEN st := 32; END IF;
  END IF;
  IF st > 0 THEN
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, figure, status) VALUES (p_caller_kind, p_caller_id, p_key, p_body, wallet, fig, st);
    status := st; replayed := false; points := 0; spent := 0; rest := 0; figure := fig;
    RETURN NEXT; RETURN;
  END IF;

  IF s.reason = 2 THEN PERFORM points_drop_promise(p_sale, 0, 0, p_now); END IF;
  today := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  day := (SELECT greatest(least((p_event AT TIME ZONE 'Asia/Shanghai')::date, today), z.closed_on + 1) FROM points_account z WHERE z.id = s.float_id);
  jid := nextval('points_transfer_id'); tid := jid;
  at := greatest(ts, w.last_at + interval '1 microsecond'); first_at := at;
  FOR sold IN SELECT z.* FROM points_transfer z WHERE z.bucket = (wallet % 64)::smallint AND z.wallet_id = wallet
      AND z.booked_at BETWEEN s.booked_at AND until AND (z.journal_id = p_sale OR z.id = issue) ORDER BY z.seq LOOP
    IF sq > w.seq THEN tid := nextval('points_transfer_id'); at := at + interval '1 microsecond'; END IF;
    sq := sq + 1;
    IF sold.kind = 2 THEN
      bal := bal + sold.points + sold.rest;
      FOR r IN SELECT z.* FROM points_lot_use z WHERE z.bucket = (wallet % 64)::smallint AND z.wallet_id = wallet AND z.booked_at = sold.booked_at
          AND z.transfer_id = sold.id ORDER BY z.lapses_on, z.funder_id, z.expires_on LOOP
        lapses := CASE WHEN r.lapses_on >= today THEN r.lapses_on ELSE r.expires_on + 30 END;
        INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
          VALUES (r.bucket, wallet, mature, lapses, r.funder_id, r.expires_on, r.points, r.points)
          ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
          DO UPDATE SET remaining = z.remaining + excluded.remaining, earned = greatest(z.earned, z.remaining + excluded.remaining), is_open = true;
        INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
          VALUES (r.bucket, wallet, at, tid, lapses, r.funder_id, r.expires_on, -r.points);
      END LOOP;
    ELSE
      bal := bal - sold.points;
      IF sold.points > 0 THEN
        own := points_own_lot(wallet, sold.matures_on > least((sold.event_at AT TIME ZONE 'Asia/Shanghai')::date, (sold.booked_at AT TIME ZONE 'Asia/Shanghai')::date),
          sold.matures_on, sold.debit_id, sold.expires_on);
        IF own.matures_on <> mature THEN pend := pend - sold.points; END IF;
        UPDATE points_lot z SET remaining = z.remaining - sold.points, earned = z.earned - sold.points WHERE z.bucket = own.bucket AND z.wallet_id = wallet
          AND z.matures_on = own.matures_on AND z.lapses_on = own.lapses_on AND z.funder_id = own.funder_id AND z.expires_on = own.expires_on;
        INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
          VALUES (own.bucket, wallet, at, tid, own.lapses_on, own.funder_id, own.expires_on, sold.points);
      END IF;
      IF sold.kind IN (1, 15) THEN returned := returned + sold.points + sold.rest; END IF;
      IF sold.kind = 8 THEN
        UPDATE points_account z SET balance = z.balance + sold.points WHERE z.id = sold.debit_id AND z.kind IN (3, 11, 12);
        given := given + points_award_undone(sold.id, jid, tid, sold.points, true);
      END IF;
    END IF;
    INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, outlet_id, actor,
        debit_id, credit_id, points, rest_id, rest, matures_on, expires_on, due_on, balance_after, reverses_id)
      VALUES (sold.bucket, wallet, at, sq, tid, jid, sold.kind, p_event, day, p_outlet, p_actor,
        sold.debit_id, sold.credit_id, -sold.points, sold.rest_id, -sold.rest, sold.matures_on, sold.expires_on, sold.due_on, bal, sold.id);
  END LOOP;
  IF sq > w.seq THEN
    UPDATE points_wallet SET balance = bal, pending = pend, seq = sq, last_at = at,
      credit = credit - CASE WHEN s.reason = 0 OR issue IS NOT NULL THEN (SELECT points_credit_of(s.rebate_fen, 10000 - z.member_bps - z.centre_bps - z.promo_bps)
        FROM points_terms z WHERE z.id = s.terms_id) ELSE 0 END,
      rewarded = rewarded - given WHERE id = wallet;
  END IF;
  PERFORM points_award_unstamp(p_sale, wallet, s.float_id, jid);
  INSERT INTO points_sale (outlet_id, booked_at, id, wallet_id, float_id, terms_id, reverses_id, event_at, booked_on, bill_fen, paid_fen, eligible_fen,
      rebate_fen, points, rest, spent_points, spend_fee, rate_bps, member_bps, spend_fee_bps, kind, reason, actor, reference)
    VALUES (p_outlet, first_at, jid, wallet, s.float_id, s.terms_id, p_sale, p_event, day, -s.bill_fen, -s.paid_fen, -s.eligible_fen,
      -s.rebate_fen, -s.points, -s.rest, -s.spent_points, -s.spend_fee, s.rate_bps, s.member_bps, s.spend_fee_bps, 2, s.reason, p_actor, s.reference);
  total := s.points + s.rest + s.spent_points;
  INSERT INTO points_reversal (sale_id, amount, reversed) VALUES (p_sale, total, total);
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, points, spent, rest, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, wallet, jid, first_at, bal, bal - pend - w.held, -s.points, -s.spent_points, -s.rest, 0);
  IF returned > 0 THEN
    UPDATE points_account z SET balance = z.balance + returned WHERE z.id = s.float_id;
  END IF;
  status := 0; replayed := false; sale_id := jid; booked_at := first_at; points := -s.points; spent := -s.spent_points; rest := -s.rest;
  balance_after := bal; available_after := bal - pend - w.held;
  RETURN NEXT;
END $$;
