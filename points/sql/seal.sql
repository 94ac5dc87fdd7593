-- Seals of the history: one row per day (by booked_at, Shanghai's day) and bucket, −1 … 63. It commits to every transfer, sale,
-- use of a lot and booked key of that day and bucket in a fixed order, and hangs on the day before. A request that booked
-- nothing has no time and is not sealed. Found by time without reading a month: rows lie in the order of booking.
CREATE INDEX points_transfer_booked_brin ON points_transfer USING brin (booked_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX points_lot_use_booked_brin ON points_lot_use USING brin (booked_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX points_key_booked_brin ON points_key USING brin (booked_at) WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE points_seal (
  sealed_on date NOT NULL,
  bucket smallint NOT NULL CHECK (bucket BETWEEN -1 AND 63),
  rows bigint NOT NULL CHECK (rows >= 0),
  digest bytea NOT NULL CHECK (length(digest) = 32),
  chain bytea NOT NULL CHECK (length(chain) = 32),
  sealed_at timestamptz NOT NULL,
  PRIMARY KEY (sealed_on, bucket)
);
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_seal FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_seal FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
-- The fence: every transaction that could still book into a day that is over has a smaller number.
INSERT INTO points_mark VALUES ('seal', 0, '2000-01-01');

-- What is sealed of a row, column by column (a test knows if one is missing), as PostgreSQL writes a record: quoted, NULL apart
-- from empty, times in UTC. SHA-256 over the lines of one day and bucket.
CREATE FUNCTION points_seal_digests(p_on date) RETURNS TABLE (bucket smallint, n bigint, digest bytea)
LANGUAGE sql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET enable_hashagg = off SET jit = off SET work_mem = '128MB' AS $$
  WITH d AS (SELECT p_on::timestamp AT TIME ZONE 'Asia/Shanghai' AS low, (p_on + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AS high),
    line AS (
      SELECT t.bucket, 1 AS part, t.wallet_id AS wallet, t.booked_at AS at, t.seq AS no,
        ROW(t.bucket, t.wallet_id, t.booked_at, t.seq, t.id, t.journal_id, t.kind, t.event_at, t.booked_on, t.outlet_id, t.actor, t.debit_id, t.credit_id,
          t.points, t.rest_id, t.rest, t.matures_on, t.expires_on, t.due_on, t.balance_after, t.reverses_id, t.xid)::text AS words
      FROM points_transfer t WHERE t.booked_at >= (SELECT low FROM d) AND t.booked_at < (SELECT high FROM d)
      UNION ALL SELECT (s.wallet_id % 64)::smallint, 2, s.wallet_id, s.booked_at, s.id,
        ROW(s.outlet_id, s.booked_at, s.id, s.wallet_id, s.float_id, s.terms_id, s.reverses_id, s.event_at, s.booked_on, s.bill_fen, s.paid_fen,
          s.eligible_fen, s.rebate_fen, s.points, s.rest, s.spent_points, s.spend_fee, s.rate_bps, s.member_bps, s.spend_fee_bps, s.kind, s.reason,
          s.actor, s.reference)::text
      FROM points_sale s WHERE s.booked_at >= (SELECT low FROM d) AND s.booked_at < (SELECT high FROM d)
      UNION ALL SELECT u.bucket, 3, u.wallet_id, u.booked_at, u.transfer_id,
        ROW(u.bucket, u.wallet_id, u.booked_at, u.transfer_id, u.lapses_on, u.funder_id, u.expires_on, u.points)::text
      FROM points_lot_use u WHERE u.booked_at >= (SELECT low FROM d) AND u.booked_at < (SELECT high FROM d)
      UNION ALL SELECT (k.wallet_id % 64)::smallint, 4, k.wallet_id, k.booked_at, k.sale_id,
        ROW(k.caller_kind, k.caller_id, k.key, k.body, k.wallet_id, k.sale_id, k.booked_at, k.balance_after, k.available_after, k.figure, k.points,
          k.spent, k.rest, k.status)::text
      FROM points_key k WHERE k.booked_at >= (SELECT low FROM d) AND k.booked_at < (SELECT high FROM d))
  SELECT b::smallint, coalesce(f.n, 0), coalesce(f.digest, sha256(''::bytea)) FROM generate_series(-1, 63) b LEFT JOIN (
    SELECT line.bucket, count(*) AS n, sha256(convert_to(string_agg(line.words, E'\n' ORDER BY part, wallet, at, no, words COLLATE "C"), 'UTF8')) AS digest
    FROM line GROUP BY line.bucket) f ON f.bucket = b
$$;

-- SHA-256(0x04 ‖ chain of the day before ‖ day ‖ bucket ‖ rows ‖ digest).
CREATE FUNCTION points_seal_chain(p_before bytea, p_on date, p_bucket smallint, p_rows bigint, p_digest bytea) RETURNS bytea
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT sha256('\x04'::bytea || coalesce(p_before, decode(repeat('00', 32), 'hex')) || convert_to(to_char(p_on, 'YYYY-MM-DD'), 'UTF8')
    || int2send(p_bucket) || int8send(p_rows) || p_digest)
$$;

-- SHA-256(0x05 ‖ the 65 chains of a day, bucket −1 first): what the proof of the next day carries. NULL when the day is not sealed.
CREATE FUNCTION points_seal_root(p_on date) RETURNS bytea LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT sha256('\x05'::bytea || string_agg(s.chain, ''::bytea ORDER BY s.bucket)) FROM points_seal s WHERE s.sealed_on = p_on HAVING count(*) = 65
$$;

-- Which day is to be sealed next: the one after the last, at first the first day of the book. NULL when there is no history.
CREATE FUNCTION points_seal_next() RETURNS date LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT coalesce((SELECT max(sealed_on) + 1 FROM points_seal),
    (least((SELECT min(booked_at) FROM points_transfer), (SELECT min(booked_at) FROM points_sale), (SELECT min(booked_at) FROM points_key))
      AT TIME ZONE 'Asia/Shanghai')::date)
$$;

-- Put the fence: an hour after midnight nobody takes a time before midnight any more.
CREATE FUNCTION points_seal_fence(p_now timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE points_mark SET xid = pg_current_xact_id()::text::bigint, moved_at = points_clock(p_now) WHERE name = 'seal';
END $$;

-- Seal the next day. False when there is none: it is not over for an hour, or a transaction of before the fence still runs.
CREATE FUNCTION points_seal_day(p_now timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  day date; fence timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(7263, 1);
  day := points_seal_next();
  SELECT f.moved_at INTO fence FROM points_mark f JOIN points_mark r ON r.name = 'rollup' AND r.xid >= f.xid WHERE f.name = 'seal';
  IF day IS NULL OR fence IS NULL OR (day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' + interval '1 hour' > fence THEN RETURN false; END IF;
  INSERT INTO points_seal (sealed_on, bucket, rows, digest, chain, sealed_at)
    SELECT day, f.bucket, f.n, f.digest, points_seal_chain(s.chain, day, f.bucket, f.n, f.digest), points_clock(p_now)
      FROM points_seal_digests(day) f LEFT JOIN points_seal s ON s.sealed_on = day - 1 AND s.bucket = f.bucket;
  RETURN true;
END $$;
