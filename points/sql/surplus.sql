-- Row 38: breakage, and buffer above its floor, become distributable by a closing; shared as patronage points, pro rata to what
-- others may still give each member (credit − rewarded) and never above it. What is left stays in the surplus (account 6).
CREATE TABLE points_surplus_closing (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  approval_id bigint NOT NULL UNIQUE,            -- the second person's; asking again does nothing
  closed_at timestamptz NOT NULL,
  actor varchar(40) NOT NULL,
  breakage_fen bigint NOT NULL CHECK (breakage_fen >= 0),
  buffer_fen bigint NOT NULL CHECK (buffer_fen >= 0),
  floor_fen bigint NOT NULL CHECK (floor_fen >= 0),
  pool_fen bigint NOT NULL CHECK (pool_fen >= 0), -- the surplus after the closing, with what earlier closings left
  credit bigint NOT NULL,                        -- Σ unused reward credit at the closing
  members integer NOT NULL,
  points bigint NOT NULL,                        -- Σ shares
  expires_on date NOT NULL,
  paid bigint NOT NULL DEFAULT 0,
  finished_at timestamptz,
  CONSTRAINT points_surplus_closing_within_pool_and_credit CHECK (points <= pool_fen AND points <= credit AND paid BETWEEN 0 AND points)
);
CREATE UNIQUE INDEX points_surplus_closing_one_at_a_time ON points_surplus_closing ((true)) WHERE finished_at IS NULL;
-- The shares, fixed at the closing: whoever goes on half-way goes on with these.
CREATE TABLE points_surplus_share (
  closing_id bigint NOT NULL REFERENCES points_surplus_closing,
  bucket smallint NOT NULL,
  wallet_id bigint NOT NULL REFERENCES points_wallet,
  credit bigint NOT NULL CHECK (credit > 0),
  points bigint NOT NULL CHECK (points BETWEEN 0 AND credit),
  paid bigint CHECK (paid BETWEEN 0 AND points), -- less than the share when the credit was used or lost meanwhile
  transfer_id bigint,
  PRIMARY KEY (closing_id, bucket, wallet_id)
);
CREATE INDEX points_surplus_share_waiting ON points_surplus_share (closing_id, bucket, wallet_id) WHERE paid IS NULL;
CREATE TRIGGER points_kept BEFORE DELETE OR TRUNCATE ON points_surplus_closing FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE DELETE OR TRUNCATE ON points_surplus_share FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

-- What may be closed now: realised only, that is what closes and expiry have posted.
CREATE FUNCTION points_surplus_close(p_approval bigint, p_breakage bigint, p_buffer bigint, p_floor bigint, p_expires date, p_actor text, p_event timestamptz,
  p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
DECLARE
  ts timestamptz; day date; closing bigint; pool bigint; total numeric; share numeric;
BEGIN
  IF p_approval IS NULL OR p_breakage IS NULL OR p_buffer IS NULL OR p_floor IS NULL OR p_breakage < 0 OR p_buffer < 0 OR p_floor < 0 OR p_breakage + p_buffer = 0
     OR p_actor IS NULL OR p_expires IS NULL THEN
    RAISE EXCEPTION 'no closing' USING ERRCODE = '22023';
  END IF;
  PERFORM points_check_event(p_event, p_now);
  PERFORM 1 FROM points_account WHERE id = 6 FOR NO KEY UPDATE;
  SELECT c.id INTO closing FROM points_surplus_closing c WHERE c.approval_id = p_approval;
  IF closing IS NOT NULL THEN RETURN closing; END IF;
  IF EXISTS (SELECT FROM points_surplus_closing WHERE finished_at IS NULL) THEN RAISE EXCEPTION 'the last closing is still being shared' USING ERRCODE = 'LH031'; END IF;
  -- The reserve first: the buffer keeps its floor.
  IF p_buffer > 0 AND p_buffer > points_free(4) - p_floor - (SELECT o.buffer FROM points_owed_back() o) OR points_free(4) < p_floor OR p_breakage > points_free(5) THEN
    RAISE EXCEPTION 'more than breakage and buffer above the floor' USING ERRCODE = 'LH032';
  END IF;
  ts := points_clock(p_now);
  day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  IF points_not_expiring(day) IS NULL THEN RAISE EXCEPTION 'the alliance is closing' USING ERRCODE = 'LH037'; END IF;
  IF p_expires NOT BETWEEN day AND (day + interval '3 years')::date THEN RAISE EXCEPTION 'no such expiry' USING ERRCODE = '22023'; END IF;
  IF p_breakage > 0 THEN PERFORM points_enter(14::smallint, p_actor, p_event, ts, day, 5, 6, p_breakage); END IF;
  IF p_buffer > 0 THEN PERFORM points_enter(14::smallint, p_actor, p_event, ts, day, 4, 6, p_buffer); END IF;
  UPDATE points_account SET balance = balance + p_breakage + p_buffer WHERE id = 6 RETURNING balance INTO pool;
  SELECT coalesce(sum(credit - rewarded), 0) INTO total FROM points_wallet WHERE credit > rewarded;
  share := least(pool, total);
  INSERT INTO points_surplus_closing (approval_id, closed_at, actor, breakage_fen, buffer_fen, floor_fen, pool_fen, credit, members, points, expires_on)
    VALUES (p_approval, ts, p_actor, p_breakage, p_buffer, p_floor, pool, total, 0, 0, p_expires) RETURNING id INTO closing;
  INSERT INTO points_surplus_share (closing_id, bucket, wallet_id, credit, points)
    SELECT closing, (w.id % 64)::smallint, w.id, w.credit - w.rewarded, floor(share * (w.credit - w.rewarded) / total)::bigint
    FROM points_wallet w WHERE w.credit > w.rewarded AND floor(share * (w.credit - w.rewarded) / total) > 0;
  UPDATE points_surplus_closing c SET members = s.n, points = s.points, finished_at = CASE WHEN s.n = 0 THEN ts END
    FROM (SELECT count(*) AS n, coalesce(sum(z.points), 0) AS points FROM points_surplus_share z WHERE z.closing_id = closing) s WHERE c.id = closing;
  RETURN closing;
END $$;

-- Share out some of a bucket: surplus → wallets, a lot of its own each. Again: what is left, nothing when nothing is.
CREATE FUNCTION points_surplus_pay(p_closing bigint, p_bucket smallint, p_limit integer, p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; day date; c record; ids bigint[]; done integer; given bigint;
BEGIN
  IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 100000 THEN RAISE EXCEPTION 'no such part' USING ERRCODE = '22023'; END IF;
  SELECT z.id, z.expires_on, z.actor, z.finished_at INTO c FROM points_surplus_closing z WHERE z.id = p_closing;
  IF c.id IS NULL THEN RAISE EXCEPTION 'no such closing' USING ERRCODE = '22023'; END IF;
  SELECT array_agg(z.wallet_id) INTO ids FROM (SELECT wallet_id FROM points_surplus_share
    WHERE closing_id = p_closing AND bucket = p_bucket AND paid IS NULL ORDER BY wallet_id LIMIT p_limit) z;
  IF ids IS NULL THEN RETURN 0; END IF;
  PERFORM 1 FROM points_wallet WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM points_account WHERE id = 6 FOR NO KEY UPDATE;
  ts := points_clock(p_now);
  day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  WITH y AS MATERIALIZED (
      -- After the last day of spending nobody gets what was not shared by then: it stays in the surplus.
      SELECT s.wallet_id, CASE WHEN points_over(day) IS NULL THEN 0 ELSE 1 END * greatest(least(s.points, w.credit - w.rewarded), 0) AS points, w.balance, w.seq, nextval('points_transfer_id') AS tid,
        greatest(ts, w.last_at + interval '1 microsecond') AS at
      FROM points_surplus_share s JOIN points_wallet w ON w.id = s.wallet_id
      WHERE s.closing_id = p_closing AND s.bucket = p_bucket AND s.wallet_id = ANY (ids) AND s.paid IS NULL),
    marked AS (
      UPDATE points_surplus_share s SET paid = y.points, transfer_id = CASE WHEN y.points > 0 THEN y.tid END FROM y
        WHERE s.closing_id = p_closing AND s.bucket = p_bucket AND s.wallet_id = y.wallet_id),
    booked AS (
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points,
          matures_on, expires_on, due_on, balance_after)
        SELECT p_bucket, wallet_id, at, seq + 1, tid, tid, 14, ts, day, 'system:surplus', 6, wallet_id, points, day, c.expires_on, day, balance + points
        FROM y WHERE points > 0),
    opened AS (
      INSERT INTO points_lot AS z (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on, earned, remaining)
        SELECT p_bucket, wallet_id, '2000-01-01', c.expires_on, 6, c.expires_on, points, points FROM y WHERE points > 0
        ON CONFLICT (bucket, wallet_id, matures_on, lapses_on, funder_id, expires_on)
        DO UPDATE SET earned = z.earned + excluded.earned, remaining = z.remaining + excluded.remaining, is_open = true),
    raised AS (
      UPDATE points_wallet w SET balance = w.balance + y.points, seq = y.seq + 1, last_at = y.at, rewarded = w.rewarded + y.points
        FROM y WHERE w.id = y.wallet_id AND y.points > 0)
  SELECT count(*), coalesce(sum(points), 0) INTO done, given FROM y;
  UPDATE points_account SET balance = balance - given WHERE id = 6;
  UPDATE points_surplus_closing z SET paid = z.paid + given,
      finished_at = CASE WHEN NOT EXISTS (SELECT FROM points_surplus_share s WHERE s.closing_id = p_closing AND s.paid IS NULL) THEN ts END
    WHERE z.id = p_closing;
  RETURN done;
END $$;
