-- Opening accounts, and the entries that no till makes: bank lines, allotting them, adjustments.
CREATE OR REPLACE FUNCTION points_open_wallets(p_n integer, p_at timestamptz, p_tier smallint DEFAULT 0) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF p_n IS NULL OR p_n NOT BETWEEN 1 AND 1000000 OR p_at IS NULL THEN RAISE EXCEPTION 'no wallets' USING ERRCODE = '22023'; END IF;
  RETURN QUERY INSERT INTO points_wallet (opened_at, tier) SELECT p_at, p_tier FROM generate_series(1, p_n) RETURNING id;
END $$;

-- One account per owner for kinds 3, 4, 6, 7, 12; opening it again returns it. Budgets (11) may be many.
CREATE OR REPLACE FUNCTION points_open_account(p_kind smallint, p_owner bigint, p_title text, p_float bigint, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened bigint;
BEGIN
  IF p_kind IS NULL OR p_kind NOT IN (3, 4, 6, 7, 11, 12) OR p_owner IS NULL OR p_at IS NULL OR (p_kind IN (4, 6, 12)) <> (p_float IS NOT NULL)
     OR p_float IS NOT NULL AND NOT EXISTS (SELECT FROM points_account WHERE id = p_float AND kind = 3 AND owner_no = p_owner) THEN
    RAISE EXCEPTION 'no such account' USING ERRCODE = '22023';
  END IF;
  INSERT INTO points_account (kind, owner_no, title, float_id, opened_at) VALUES (p_kind, p_owner, left(p_title, 120), p_float, p_at)
    ON CONFLICT (kind, owner_no) WHERE kind IN (3, 4, 6, 7, 12) DO NOTHING RETURNING id INTO opened;
  IF opened IS NULL THEN SELECT id INTO opened FROM points_account WHERE kind = p_kind AND owner_no = p_owner; END IF;
  RETURN opened;
END $$;

CREATE OR REPLACE FUNCTION points_open_rest(p_terms bigint, p_centre bigint, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  opened bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM points_account WHERE id = p_centre AND kind = 7) OR NOT EXISTS (SELECT FROM points_terms WHERE id = p_terms) THEN
    RAISE EXCEPTION 'no such terms or centre' USING ERRCODE = '22023';
  END IF;
  SELECT id INTO opened FROM points_account WHERE kind = 5 AND terms_id = p_terms AND centre_id = p_centre;
  IF opened IS NULL THEN
    INSERT INTO points_account (kind, terms_id, centre_id, float_id, opened_at)
      SELECT 5, t.id, p_centre, t.float_id, coalesce(p_at, now()) FROM points_terms t WHERE t.id = p_terms
      ON CONFLICT (terms_id, centre_id) WHERE kind = 5 DO NOTHING RETURNING id INTO opened;
    IF opened IS NULL THEN SELECT id INTO opened FROM points_account WHERE kind = 5 AND terms_id = p_terms AND centre_id = p_centre; END IF;
  END IF;
  RETURN opened;
END $$;

-- A journal of one transfer without a wallet. Only for the functions below: not granted to anybody.
CREATE OR REPLACE FUNCTION points_enter(p_kind smallint, p_actor text, p_event timestamptz, p_at timestamptz, p_on date, p_debit bigint, p_credit bigint, p_points bigint)
RETURNS bigint LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  jid bigint := nextval('points_transfer_id');
BEGIN
  INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
    VALUES (-1, 0, p_at, jid, jid, jid, p_kind, p_event, p_on, p_actor, p_debit, p_credit, p_points, p_on);
  RETURN jid;
END $$;

-- Row 1: a line of the bank's statement, once: custody → suspense.
CREATE OR REPLACE FUNCTION points_receive(p_bank text, p_account text, p_serial text, p_amount bigint, p_value_on date, p_payer text, p_memo text,
  p_actor text, p_event timestamptz, p_now timestamptz DEFAULT NULL) RETURNS TABLE (line_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz := points_clock(p_now); line bigint; old record;
BEGIN
  p_account := points_account_number(p_account);
  p_serial := points_bank_serial(p_serial);
  IF p_amount IS NULL OR p_amount NOT BETWEEN 1 AND 1000000000000 OR coalesce(p_serial, '') = '' OR coalesce(p_bank, '') = '' OR coalesce(p_account, '') = ''
     OR p_value_on IS NULL OR p_value_on NOT BETWEEN '2000-01-01' AND (ts AT TIME ZONE 'Asia/Shanghai')::date + 366 THEN
    RAISE EXCEPTION 'no bank line' USING ERRCODE = '22023';
  END IF;
  PERFORM points_check_event(p_event, p_now);
  INSERT INTO points_bank_line (bank, account, serial, amount_fen, value_on, payer, memo, received_at, journal_id)
    VALUES (p_bank, p_account, p_serial, p_amount, p_value_on, left(p_payer, 120), left(p_memo, 200), ts, 0)
    ON CONFLICT (account, serial) WHERE NOT is_double DO NOTHING RETURNING id INTO line;
  IF line IS NULL THEN
    SELECT b.id, b.amount_fen INTO old FROM points_bank_line b WHERE b.account = p_account AND b.serial = p_serial AND NOT b.is_double;
    IF old.amount_fen <> p_amount THEN RAISE EXCEPTION 'the bank gave this serial another amount' USING ERRCODE = '23505'; END IF;
    line_id := old.id; is_new := false; RETURN NEXT; RETURN;
  END IF;
  PERFORM 1 FROM points_account WHERE id IN (1, 2) ORDER BY id FOR NO KEY UPDATE;
  UPDATE points_bank_line SET journal_id = points_enter(5::smallint, p_actor, p_event, ts, (p_event AT TIME ZONE 'Asia/Shanghai')::date, 1, 2, p_amount) WHERE id = line;
  UPDATE points_account SET balance = balance - p_amount WHERE id = 1;
  UPDATE points_account SET balance = balance + p_amount WHERE id = 2;
  line_id := line; is_new := true; RETURN NEXT;
END $$;

-- Row 1, matched: the whole line, suspense → a float, budget or promotion account.
CREATE OR REPLACE FUNCTION points_allot(p_line bigint, p_account bigint, p_actor text, p_event timestamptz, p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; b record; jid bigint;
BEGIN
  PERFORM points_check_event(p_event, p_now);
  SELECT * INTO b FROM points_bank_line WHERE id = p_line FOR UPDATE;
  IF b.id IS NULL THEN RAISE EXCEPTION 'bank line unknown' USING ERRCODE = 'LH001'; END IF;
  IF b.allotted_to_id IS NOT NULL THEN
    IF b.allotted_to_id = p_account THEN RETURN b.allot_journal_id; END IF;
    RAISE EXCEPTION 'bank line allotted already' USING ERRCODE = 'LH002';
  END IF;
  PERFORM 1 FROM points_account WHERE id IN (2, p_account) ORDER BY id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT FROM points_account WHERE id = p_account AND kind IN (3, 11, 12)) THEN RAISE EXCEPTION 'no such account' USING ERRCODE = '22023'; END IF;
  ts := points_clock(p_now);
  jid := points_enter(6::smallint, p_actor, p_event, ts, (p_event AT TIME ZONE 'Asia/Shanghai')::date, 2, p_account, b.amount_fen);
  UPDATE points_bank_line SET allotted_to_id = p_account, allotted_at = ts, allot_journal_id = jid WHERE id = p_line;
  UPDATE points_account SET balance = balance - b.amount_fen WHERE id = 2;
  UPDATE points_account SET balance = balance + b.amount_fen WHERE id = p_account;
  RETURN jid;
END $$;

-- Row 31: a correction between a wallet and the float or budget of the named funder; the wallet may not go below zero.
-- Positive: funder → wallet, a mature lot. Negative: wallet → funder, from that funder's lots, soonest lapse first.
-- Status: 0 booked, 2 points short, 4 unknown wallet, 5 key reused, 10 funder short.
CREATE OR REPLACE FUNCTION points_adjust(p_caller_kind smallint, p_caller_id bigint, p_actor text, p_key uuid, p_body uuid, p_wallet bigint, p_funder bigint,
  p_points bigint, p_expires date, p_event timestamptz, p_now timestamptz DEFAULT NULL)
RETURNS TABLE (status smallint, replayed boolean, sale_id bigint, booked_at timestamptz, points integer, spent integer, rest integer,
  balance_after bigint, available_after bigint, figure bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  mature CONSTANT date := '2000-01-01';
  w record; k record; r record; ts timestamptz; at timestamptz; st smallint := 0; jid bigint; left_over bigint; x bigint; free bigint; day date; fig bigint;
BEGIN
  IF p_caller_kind IS NULL OR p_caller_id IS NULL OR p_key IS NULL OR p_body IS NULL OR p_points IS NULL OR p_points = 0 OR abs(p_points) > 1000000000
     OR p_event IS NULL OR p_points > 0 AND p_expires IS NULL OR p_actor IS NULL
     OR NOT EXISTS (SELECT FROM points_account z WHERE z.id = p_funder AND z.kind IN (3, 11)) THEN
    RAISE EXCEPTION 'no adjustment' USING ERRCODE = '22023';
  END IF;
  PERFORM points_check_event(p_event, p_now);
  IF p_points > 0 THEN
    day := (coalesce(p_now, clock_timestamp()) AT TIME ZONE 'Asia/Shanghai')::date;
    IF p_expires NOT BETWEEN day AND (day + interval '10 years')::date THEN RAISE EXCEPTION 'no such expiry' USING ERRCODE = '22023'; END IF;
  END IF;
  SELECT z.balance, z.pending, z.held, z.seq, z.last_at INTO w FROM points_wallet z WHERE z.id = p_wallet FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  SELECT * INTO k FROM points_key z WHERE z.caller_kind = p_caller_kind AND z.caller_id = p_caller_id AND z.key = p_key;
  IF k.key IS NOT NULL THEN
    IF k.body <> p_body OR k.wallet_id <> p_wallet THEN status := 5; replayed := false; RETURN NEXT; RETURN; END IF;
    status := k.status; replayed := true; sale_id := k.sale_id; booked_at := k.booked_at; points := k.points; spent := k.spent; rest := k.rest;
    balance_after := k.balance_after; available_after := k.available_after; figure := k.figure;
    RETURN NEXT; RETURN;
  END IF;
  free := w.balance - w.pending - w.held;
  IF w.seq IS NULL THEN
    st := 4;
  ELSIF p_points < 0 THEN
    fig := least(free, (SELECT coalesce(sum(z.remaining - z.held), 0) FROM points_lot z WHERE z.bucket = (p_wallet % 64)::smallint AND z.wallet_id = p_wallet
      AND z.matures_on = mature AND z.funder_id = p_funder));
    IF fig < -p_points THEN st := 2; ELSE fig := NULL; END IF;
  ELSIF p_funder = ANY (points_over((ts AT TIME ZONE 'Asia/Shanghai')::date)) IS NOT FALSE THEN
    st := 51;
  ELSE
    UPDATE points_account SET balance = balance - p_points WHERE id = p_funder AND balance >= p_points;
    IF NOT FOUND AND NOT points_take_gathered(p_funder, p_points) THEN st := 10; fig := p_points; END IF;
  END IF;
  IF st > 0 THEN
    INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, figure, status) VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, fig, st);
    status := st; replayed := false; points := 0; spent := 0; rest := 0; figure := fig;
    RETURN NEXT; RETURN;
  END IF;
  jid := nextval('points_transfer_id');
  at := greatest(ts, w.last_at + interval '1 microsecond');
  day := least((p_event AT TIME ZONE 'Asia/Shanghai')::date, (ts AT TIME ZONE 'Asia/Shanghai')::date);
  day := greatest(day, (SELECT z.closed_on + 1 FROM points_account z WHERE z.id = p_funder));
  INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points,
      matures_on, expires_on, due_on, balance_after)
    VALUES ((p_wallet % 64)::smallint, p_wallet, at, w.seq + 1, jid, jid, 4, p_event, day, p_actor,
      CASE WHEN p_points > 0 THEN p_funder ELSE p_wallet END, CASE WHEN p_points > 0 THEN p_wallet ELSE p_funder END, abs(p_points),
      CASE WHEN p_points > 0 THEN day END, CASE WHEN p_points > 0 THEN p_expires END, day, w.balance + p_points);
  IF p_points > 0 THEN
    INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
      VALUES ((p_wallet % 64)::smallint, p_wallet, mature, p_expires, p_funder, p_expires, p_points, p_points)
      ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
      DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true;
  ELSE
    left_over := -p_points;
    FOR r IN SELECT z.ctid AS tid, z.bucket, z.lapses_on, z.funder_id, z.expires_on, z.remaining - z.held AS remaining FROM points_lot z WHERE z.bucket = (p_wallet % 64)::smallint AND z.wallet_id = p_wallet AND z.matures_on = mature
        AND z.funder_id = p_funder AND z.remaining > z.held ORDER BY z.lapses_on, z.expires_on LOOP
      x := least(left_over, r.remaining);
      UPDATE points_lot SET remaining = remaining - x WHERE ctid = r.tid;
      INSERT INTO points_lot_use (bucket, wallet_id, booked_at, transfer_id, lapses_on, funder_id, expires_on, points)
        VALUES (r.bucket, p_wallet, at, jid, r.lapses_on, r.funder_id, r.expires_on, x);
      left_over := left_over - x;
      EXIT WHEN left_over = 0;
    END LOOP;
    UPDATE points_account SET balance = balance - p_points WHERE id = p_funder;
  END IF;
  UPDATE points_wallet SET balance = w.balance + p_points, seq = w.seq + 1, last_at = at WHERE id = p_wallet;
  INSERT INTO points_key (caller_kind, caller_id, key, body, wallet_id, sale_id, booked_at, balance_after, available_after, points, status)
    VALUES (p_caller_kind, p_caller_id, p_key, p_body, p_wallet, jid, at, w.balance + p_points, free + p_points, p_points, 0);
  status := 0; replayed := false; sale_id := jid; booked_at := at; points := p_points; spent := 0; rest := 0;
  balance_after := w.balance + p_points; available_after := free + p_points;
  RETURN NEXT;
END $$;
