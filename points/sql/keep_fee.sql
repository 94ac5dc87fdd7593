-- Hole H23: a faked sale whose points are spent and that is then undone sells points for cash at par. Where the points that were
-- gone when a merchant's sales came back are more than a share (1 %) of what it issued in a month, the operator keeps the fee
-- that they would have carried: a fake gains nothing, and a habit of it costs.

-- One row per merchant and month in which earned points were gone; fee 0: within the share.
CREATE TABLE points_kept_fee (
  float_id bigint NOT NULL REFERENCES points_account,
  month date NOT NULL,                           -- its first day
  issued bigint NOT NULL,                        -- points that the float gave for sales in that month, less those that came back to it
  short bigint NOT NULL,                         -- earned points of refunds of that month that were gone
  share_bps integer NOT NULL,                    -- above which share of issued the fee is kept
  fee bigint NOT NULL,                           -- short × the operator's part / the member's part, by the terms of each sale
  taken bigint NOT NULL,                         -- of it, what the float had …
  transfer_id bigint,
  claim_id bigint REFERENCES points_claim,       -- … and what it owes
  kept_at timestamptz NOT NULL,
  PRIMARY KEY (float_id, month),
  CONSTRAINT points_kept_fee_lawful CHECK (extract(day FROM month) = 1 AND issued >= 0 AND short > 0 AND share_bps BETWEEN 0 AND 10000 AND taken BETWEEN 0 AND fee
    AND (fee = 0 OR short::numeric * 10000 > issued::numeric * share_bps) AND (taken > 0) = (transfer_id IS NOT NULL) AND (taken < fee) = (claim_id IS NOT NULL))
);
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_kept_fee FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_kept_fee FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE INDEX points_kept_fee_of_month ON points_kept_fee (month);

-- why: 6 fee kept (float → fee), neither for one refund nor for a reward.
ALTER TABLE points_claim DROP CONSTRAINT points_claim_why_check, DROP CONSTRAINT points_claim_for_a_refund_or_a_reward,
  ADD CONSTRAINT points_claim_why_check CHECK (why BETWEEN 1 AND 6),
  ADD CONSTRAINT points_claim_for_a_refund_or_a_reward CHECK (CASE why WHEN 5 THEN reward_id IS NOT NULL
    WHEN 6 THEN reward_id IS NULL AND refund_id IS NULL ELSE reward_id IS NULL AND refund_id IS NOT NULL END);

-- Of these floats, those that are closed through that month, have a shortfall in it and are not reckoned yet. Nothing is booked
-- into closed days, so these figures are final: they are read before any lock.
CREATE FUNCTION points_shortfalls(p_month date, p_floats bigint[])
RETURNS TABLE (float_id bigint, issued bigint, short bigint, fee bigint) LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  until date := (p_month + interval '1 month')::date;
  -- Nothing is booked into a day before it begins; a week to spare.
  since timestamptz := (p_month - 7)::timestamp AT TIME ZONE 'Asia/Shanghai';
BEGIN
  RETURN QUERY WITH lacking AS MATERIALIZED (
      SELECT d.float_id, t.member_bps, t.fee_bps, t.id, sum(r.short - r.home_own) AS short FROM points_sale d JOIN points_refund r ON r.refund_id = d.id JOIN points_terms t ON t.id = d.terms_id
        WHERE d.kind = 3 AND d.booked_at >= since AND d.booked_on >= p_month AND d.booked_on < until AND r.short > r.home_own AND d.float_id = ANY (p_floats)
          AND EXISTS (SELECT FROM points_account a WHERE a.id = d.float_id AND a.closed_on >= until - 1)
          AND NOT EXISTS (SELECT FROM points_kept_fee k WHERE k.float_id = d.float_id AND k.month = p_month) GROUP BY d.float_id, t.id),
    -- Rounded down once for each version of the terms.
    one AS MATERIALIZED (SELECT z.float_id, sum(z.short)::bigint AS short, sum(div(z.short * z.fee_bps, z.member_bps))::bigint AS fee FROM lacking z WHERE z.member_bps > 0 GROUP BY 1),
    gave AS (
      SELECT x.debit_id, sum(x.points)::bigint AS points FROM points_transfer x
        WHERE x.kind IN (1, 15) AND x.booked_at >= since AND x.booked_on >= p_month AND x.booked_on < until AND x.debit_id IN (SELECT z.float_id FROM one z) GROUP BY 1)
  SELECT z.float_id, greatest(0, coalesce(g.points, 0)), z.short, z.fee FROM one z LEFT JOIN gave g ON g.debit_id = z.float_id;
END $$;

-- Keeps the fee of a month that is over: float → fee (kind 9), what the float lacks is owed. Again, it does what is left.
-- Locks: floats by their number, then nothing; the fee is a collecting account.
CREATE FUNCTION points_keep_fees(p_month date, p_floats bigint[], p_share integer, p_now timestamptz DEFAULT NULL)
RETURNS TABLE (float_id bigint, issued bigint, short bigint, fee bigint, taken bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
  ts timestamptz; today date; day date; f record; owed bigint; tid bigint; ids bigint[]; issues bigint[]; shorts bigint[]; fees bigint[];
BEGIN
  IF p_month IS NULL OR extract(day FROM p_month) <> 1 OR p_floats IS NULL OR p_share IS NULL OR p_share NOT BETWEEN 0 AND 10000
     OR (p_month + interval '1 month')::date > (coalesce(p_now, now()) AT TIME ZONE 'Asia/Shanghai')::date THEN
    RAISE EXCEPTION 'only of a month that is over' USING ERRCODE = '22023';
  END IF;
  SELECT array_agg(z.float_id ORDER BY z.float_id), array_agg(z.issued ORDER BY z.float_id), array_agg(z.short ORDER BY z.float_id),
      array_agg(CASE WHEN z.short::numeric * 10000 > z.issued::numeric * p_share THEN z.fee ELSE 0 END ORDER BY z.float_id)
    INTO ids, issues, shorts, fees FROM points_shortfalls(p_month, p_floats) z;
  IF ids IS NULL THEN RETURN; END IF;
  PERFORM points_gather(ids);
  ts := points_clock(p_now); today := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  FOR i IN 1 .. cardinality(ids) LOOP
    -- Somebody else was first: the lock was theirs.
    CONTINUE WHEN EXISTS (SELECT FROM points_kept_fee k WHERE k.float_id = ids[i] AND k.month = p_month);
    SELECT a.balance, a.closed_on INTO f FROM points_account a WHERE a.id = ids[i];
    taken := least(fees[i], f.balance); tid := NULL; owed := NULL;
    IF taken > 0 THEN
      day := greatest(today, f.closed_on + 1);
      tid := points_enter(9::smallint, 'system:keep', ts, ts, day, ids[i], 3, taken);
      UPDATE points_account a SET balance = a.balance - taken WHERE a.id = ids[i];
    END IF;
    IF taken < fees[i] THEN
      INSERT INTO points_claim (why, debtor_id, creditor_id, points, made_at) VALUES (6, ids[i], 3, fees[i] - taken, ts) RETURNING id INTO owed;
    END IF;
    INSERT INTO points_kept_fee (float_id, month, issued, short, share_bps, fee, taken, transfer_id, claim_id, kept_at)
      VALUES (ids[i], p_month, issues[i], shorts[i], p_share, fees[i], taken, tid, owed, ts);
    float_id := ids[i]; issued := issues[i]; short := shorts[i]; fee := fees[i];
    RETURN NEXT;
  END LOOP;
END $$;
