-- The proof of what is owed (points/calc/merkle.py): one row a day with the root over all balances, in a chain, and the
-- balances themselves by bucket, from which a member's path is rebuilt. Rows are added, never changed; buckets are pruned.
CREATE TABLE points_proof (
  taken_on date PRIMARY KEY,
  taken_at timestamptz NOT NULL,
  root bytea NOT NULL,
  total_points bigint NOT NULL,
  wallets bigint NOT NULL,
  custody_fen bigint NOT NULL,
  figures text NOT NULL,                          -- everything that is published of the day, as it was: JSON
  bank_on date,                                   -- value date of the newest bank line that was taken up
  secret bytea NOT NULL,                          -- keys the salts; never published
  chain bytea NOT NULL,                           -- written by the trigger, whatever is given
  CONSTRAINT points_proof_well_formed CHECK (length(root) = 32 AND length(secret) = 32 AND length(chain) = 32 AND total_points >= 0 AND wallets >= 0)
);

CREATE TABLE points_proof_bucket (
  taken_on date NOT NULL REFERENCES points_proof,
  bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 63),
  wallets integer NOT NULL,
  leaves bytea NOT NULL,                          -- wallets and balances in the order of the tree, packed
  groups bytea NOT NULL,                          -- the nodes eight levels up, 40 bytes each
  root bytea NOT NULL CHECK (length(root) = 32),
  total_points bigint NOT NULL CHECK (total_points >= 0),
  PRIMARY KEY (taken_on, bucket)
);
-- Packed already; trying to compress it again costs time only.
ALTER TABLE points_proof_bucket ALTER COLUMN leaves SET STORAGE EXTERNAL, ALTER COLUMN groups SET STORAGE EXTERNAL;

-- SHA-256(0x03 ‖ chain of the day before ‖ day ‖ root ‖ total ‖ SHA-256 of the figures).
CREATE FUNCTION points_proof_chain(p_before bytea, p_on date, p_root bytea, p_total bigint, p_figures text) RETURNS bytea
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT sha256('\x03'::bytea || coalesce(p_before, decode(repeat('00', 32), 'hex')) || convert_to(to_char(p_on, 'YYYY-MM-DD'), 'UTF8')
    || p_root || int8send(p_total) || sha256(convert_to(p_figures, 'UTF8')))
$$;

-- Root and total as the buckets of a day make them; NULL when they are pruned or not all there.
CREATE FUNCTION points_proof_top(p_on date, OUT root bytea, OUT total bigint)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
  hashes bytea[]; sums bigint[]; n integer; i integer;
BEGIN
  SELECT array_agg(b.root ORDER BY b.bucket), array_agg(b.total_points ORDER BY b.bucket), count(*)::integer INTO hashes, sums, n
    FROM points_proof_bucket b WHERE b.taken_on = p_on;
  IF n <> 64 THEN RETURN; END IF;
  WHILE n > 1 LOOP
    n := n / 2;
    FOR i IN 1..n LOOP
      hashes[i] := sha256('\x01'::bytea || hashes[2 * i - 1] || int8send(sums[2 * i - 1]) || hashes[2 * i] || int8send(sums[2 * i]));
      sums[i] := sums[2 * i - 1] + sums[2 * i];
    END LOOP;
  END LOOP;
  root := hashes[1];
  total := sums[1];
END $$;

-- A proof comes after all that are there, is of the day on which it is written (only the owner may choose another one:
-- town, tests), and hangs on the one before it.
CREATE FUNCTION points_proof_joins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  last record;
BEGIN
  PERFORM pg_advisory_xact_lock(7262, 1);
  SELECT taken_on, chain INTO last FROM points_proof ORDER BY taken_on DESC LIMIT 1;
  IF last.taken_on >= NEW.taken_on THEN
    RAISE EXCEPTION 'a proof comes after those that are there' USING ERRCODE = '23514';
  END IF;
  IF NEW.taken_on <> (NEW.taken_at AT TIME ZONE 'Asia/Shanghai')::date
     OR NEW.taken_at NOT BETWEEN clock_timestamp() - interval '6 hours' AND clock_timestamp() + interval '1 minute'
     AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'a proof is of the day on which it is taken' USING ERRCODE = '22023';
  END IF;
  NEW.chain := points_proof_chain(last.chain, NEW.taken_on, NEW.root, NEW.total_points, NEW.figures);
  RETURN NEW;
END $$;
CREATE TRIGGER points_proof_joins BEFORE INSERT ON points_proof FOR EACH ROW EXECUTE FUNCTION points_proof_joins();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_proof FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_proof FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE ON points_proof_bucket FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_proof_bucket FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

-- Let go of balances that are older than 35 days, but for the last proof of each month. Roots and figures stay for good.
CREATE FUNCTION points_prune_proofs() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  done integer;
BEGIN
  WITH gone AS (
      DELETE FROM points_proof_bucket b WHERE b.taken_on < (now() AT TIME ZONE 'Asia/Shanghai')::date - 35
        AND EXISTS (SELECT FROM points_proof p WHERE p.taken_on > b.taken_on AND date_trunc('month', p.taken_on) = date_trunc('month', b.taken_on))
        RETURNING b.taken_on)
  SELECT count(DISTINCT taken_on)::integer INTO done FROM gone;
  RETURN done;
END $$;

REVOKE ALL ON FUNCTION points_proof_chain(bytea, date, bytea, bigint, text), points_proof_top(date), points_proof_joins(), points_prune_proofs() FROM PUBLIC;
