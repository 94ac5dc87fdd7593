-- Row 32: balances of an earlier scheme, lot by lot, up to the money that came for them: custody → suspense (bank line),
-- suspense → a budget of this import, budget → wallets. What expires goes back to that budget, never to the operator.
CREATE TABLE points_opening (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  title varchar(80) NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32), -- SHA-256 of the file
  lines integer NOT NULL CHECK (lines > 0),
  points bigint NOT NULL CHECK (points > 0),
  staged_at timestamptz NOT NULL,
  staged_by varchar(40) NOT NULL,
  bank_line_id bigint UNIQUE REFERENCES points_bank_line,
  account_id bigint UNIQUE REFERENCES points_account,
  started_at timestamptz,
  cancelled_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT points_opening_started_with_its_money CHECK ((started_at IS NULL) = (account_id IS NULL) AND (started_at IS NULL) = (bank_line_id IS NULL)
    AND (cancelled_at IS NULL OR started_at IS NULL) AND (finished_at IS NULL OR started_at IS NOT NULL))
);
CREATE UNIQUE INDEX points_opening_file_once ON points_opening (digest) WHERE cancelled_at IS NULL;
CREATE TABLE points_opening_line (
  opening_id bigint NOT NULL REFERENCES points_opening,
  no integer NOT NULL,                           -- the line of the file
  bucket smallint NOT NULL,
  wallet_id bigint NOT NULL REFERENCES points_wallet,
  points bigint NOT NULL CHECK (points > 0),
  expires_on date NOT NULL,
  transfer_id bigint,
  PRIMARY KEY (opening_id, no)
);
CREATE INDEX points_opening_line_waiting ON points_opening_line (opening_id, bucket, wallet_id) WHERE transfer_id IS NULL;
CREATE TRIGGER points_kept BEFORE DELETE OR TRUNCATE ON points_opening FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE DELETE OR TRUNCATE ON points_opening_line FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

CREATE FUNCTION points_opening_stage(p_title text, p_digest bytea, p_no integer[], p_wallet bigint[], p_points bigint[], p_expires date[], p_actor text, p_at timestamptz)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  made bigint;
BEGIN
  IF cardinality(p_no) IS DISTINCT FROM cardinality(p_wallet) OR cardinality(p_no) IS DISTINCT FROM cardinality(p_points)
     OR cardinality(p_no) IS DISTINCT FROM cardinality(p_expires) OR coalesce(cardinality(p_no), 0) NOT BETWEEN 1 AND 1000000 THEN
    RAISE EXCEPTION 'no opening balances' USING ERRCODE = '22023';
  END IF;
  INSERT INTO points_opening (title, digest, lines, points, staged_at, staged_by)
    SELECT left(p_title, 80), p_digest, count(*), sum(x), p_at, p_actor FROM unnest(p_points) x RETURNING id INTO made;
  INSERT INTO points_opening_line (opening_id, no, bucket, wallet_id, points, expires_on)
    SELECT made, t.no, (t.wallet % 64)::smallint, t.wallet, t.points, t.expires FROM unnest(p_no, p_wallet, p_points, p_expires) AS t(no, wallet, points, expires);
  RETURN made;
END $$;

-- The money first: a bank line that waits in suspense and is not smaller than the balances.
CREATE FUNCTION points_opening_start(p_opening bigint, p_line bigint, p_actor text, p_event timestamptz, p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  o record; b record; account bigint;
BEGIN
  SELECT * INTO o FROM points_opening WHERE id = p_opening FOR UPDATE;
  IF o.id IS NULL OR o.cancelled_at IS NOT NULL THEN RAISE EXCEPTION 'no such opening' USING ERRCODE = 'LH034'; END IF;
  IF o.account_id IS NOT NULL THEN RETURN o.account_id; END IF;
  SELECT * INTO b FROM points_bank_line WHERE id = p_line;
  IF b.id IS NULL OR b.amount_fen < o.points THEN RAISE EXCEPTION 'the bank line is too small' USING ERRCODE = 'LH033'; END IF;
  INSERT INTO points_account (kind, owner_no, title, opened_at) VALUES (11, 0, o.title, coalesce(p_now, now())) RETURNING id INTO account;
  PERFORM points_allot(p_line, account, p_actor, p_event, p_now);
  UPDATE points_opening SET account_id = account, bank_line_id = p_line, started_at = points_clock(p_now) WHERE id = p_opening;
  RETURN account;
END $$;

CREATE FUNCTION points_opening_cancel(p_opening bigint, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE points_opening SET cancelled_at = p_at WHERE id = p_opening AND started_at IS NULL AND cancelled_at IS NULL;
  RETURN FOUND;
END $$;

CREATE FUNCTION points_opening_book(p_opening bigint, p_bucket smallint, p_limit integer, p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; day date; o record; ids bigint[]; done integer; given bigint;
BEGIN
  SELECT * INTO o FROM points_opening WHERE id = p_opening;
  IF o.account_id IS NULL OR p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 100000 THEN RAISE EXCEPTION 'not started' USING ERRCODE = '22023'; END IF;
  SELECT array_agg(DISTINCT z.wallet_id) INTO ids FROM (SELECT wallet_id FROM points_opening_line
    WHERE opening_id = p_opening AND bucket = p_bucket AND transfer_id IS NULL LIMIT p_limit) z;
  IF ids IS NULL THEN RETURN 0; END IF;
  PERFORM 1 FROM points_wallet WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM points_account WHERE id = o.account_id FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  -- What was not booked by the last day of spending stays with the import's own money (row 37).
  IF points_over(day) IS NULL THEN RETURN 0; END IF;
  WITH y AS MATERIALIZED (
      SELECT l.no, l.wallet_id, l.points, l.expires_on, nextval('points_transfer_id') AS tid, w.seq + row_number() OVER mine AS seq,
        (w.balance + sum(l.points) OVER mine)::bigint AS balance,
        greatest(ts, w.last_at + interval '1 microsecond') + (row_number() OVER mine - 1) * interval '1 microsecond' AS at,
        lead(l.no) OVER mine IS NULL AS is_last
      FROM points_opening_line l JOIN points_wallet w ON w.id = l.wallet_id
      WHERE l.opening_id = p_opening AND l.bucket = p_bucket AND l.wallet_id = ANY (ids) AND l.transfer_id IS NULL
      WINDOW mine AS (PARTITION BY l.wallet_id ORDER BY l.no)),
    marked AS (UPDATE points_opening_line l SET transfer_id = y.tid FROM y WHERE l.opening_id = p_opening AND l.no = y.no),
    booked AS (
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points,
          matures_on, expires_on, due_on, balance_after)
        SELECT p_bucket, wallet_id, at, seq, tid, tid, 16, ts, day, 'system:opening', o.account_id, wallet_id, points, day, expires_on, day, balance FROM y),
    opened AS (
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        SELECT p_bucket, wallet_id, '2000-01-01', expires_on, o.account_id, expires_on, sum(points), sum(points) FROM y GROUP BY wallet_id, expires_on
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true),
    raised AS (UPDATE points_wallet w SET balance = y.balance, seq = y.seq, last_at = y.at FROM y WHERE w.id = y.wallet_id AND y.is_last)
  SELECT count(*), coalesce(sum(points), 0) INTO done, given FROM y;
  UPDATE points_account SET balance = balance - given WHERE id = o.account_id;
  UPDATE points_opening z SET finished_at = ts WHERE z.id = p_opening AND z.finished_at IS NULL
    AND NOT EXISTS (SELECT FROM points_opening_line l WHERE l.opening_id = p_opening AND l.transfer_id IS NULL);
  RETURN done;
END $$;
