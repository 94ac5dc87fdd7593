-- What is kept and for how long: sums that limits no longer read are let go, results of back-tests never change.

-- Before which day the sums of a day were let go. One row.
CREATE TABLE points_award_pruned (
  is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
  before_on date NOT NULL
);
INSERT INTO points_award_pruned (before_on) VALUES ('2000-01-02');

-- Limits read the sums of the sale's own day and of all time (points_award_facts). A sale is at most 72 hours old when it is booked
-- (row 41), and one that is promised is paid or given up within ten months (row 10): sums of days more than a year back are read
-- by no limit. Those before p_before are let go, of one rule, p_most rows at a time from a member on; sums of all time stay. Says
-- which member to go on with, none when the rule is done. A row that is being counted in is left for the next night.
CREATE FUNCTION points_prune_award_used(p_rule bigint, p_from bigint, p_before date, p_most integer, p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  today date := (points_clock(p_now) AT TIME ZONE 'Asia/Shanghai')::date; far bigint;
BEGIN
  IF p_rule IS NULL OR p_from IS NULL OR p_most IS NULL OR p_most NOT BETWEEN 1 AND 100000 OR (p_before BETWEEN '2000-01-02' AND today - 366) IS NOT TRUE THEN
    RAISE EXCEPTION 'these sums may still be read' USING ERRCODE = '22023';
  END IF;
  -- Said first: from here on the law asks for the younger ones alone.
  UPDATE points_award_pruned SET before_on = p_before WHERE before_on < p_before;
  SELECT max(z.wallet_id) INTO far FROM (
    SELECT wallet_id FROM points_award_used WHERE rule_id = p_rule AND wallet_id >= p_from ORDER BY rule_id, wallet_id LIMIT p_most) z;
  IF far IS NULL THEN RETURN NULL; END IF;
  DELETE FROM points_award_used u USING (
      SELECT rule_id, wallet_id, on_day FROM points_award_used WHERE rule_id = p_rule AND wallet_id BETWEEN p_from AND far AND on_day > '2000-01-01' AND on_day < p_before
        FOR UPDATE SKIP LOCKED) z
    WHERE (u.rule_id, u.wallet_id, u.on_day) = (z.rule_id, z.wallet_id, z.on_day);
  RETURN CASE WHEN EXISTS (SELECT FROM points_award_used WHERE rule_id = p_rule AND wallet_id > far) THEN far + 1 END;
END $$;

-- A back-test goes from running to its end once; its result is written on the way and stays as it is, with all its lines.
CREATE FUNCTION rules_backtest_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'running' THEN RAISE EXCEPTION 'a back-test begins by running' USING ERRCODE = '23514'; END IF;
    RETURN NEW;
  END IF;
  IF OLD.state <> 'running' THEN RAISE EXCEPTION 'a back-test that is over never changes' USING ERRCODE = '23514'; END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF (NEW.id, NEW.version_id, NEW.digest, NEW.days, NEW.first_on, NEW.last_on, NEW.job_id, NEW.asked_by, NEW.asked_at)
      IS DISTINCT FROM (OLD.id, OLD.version_id, OLD.digest, OLD.days, OLD.first_on, OLD.last_on, OLD.job_id, OLD.asked_by, OLD.asked_at) THEN
    RAISE EXCEPTION 'a back-test stays one of what it was asked for' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER rules_backtest_kept BEFORE INSERT OR UPDATE OR DELETE ON rules_backtest FOR EACH ROW EXECUTE FUNCTION rules_backtest_kept();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON rules_backtest FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();

CREATE FUNCTION rules_backtest_row_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM rules_backtest WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.backtest_id ELSE OLD.backtest_id END AND state <> 'running';
  IF FOUND OR TG_OP = 'UPDATE' THEN RAISE EXCEPTION 'a back-test that is over never changes' USING ERRCODE = '23514'; END IF;
  RETURN CASE WHEN TG_OP = 'INSERT' THEN NEW ELSE OLD END;
END $$;
CREATE TRIGGER rules_backtest_row_kept BEFORE INSERT OR UPDATE OR DELETE ON rules_backtest_row FOR EACH ROW EXECUTE FUNCTION rules_backtest_row_kept();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON rules_backtest_row FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
