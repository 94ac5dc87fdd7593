-- A debit that nobody knew was charged to the operator's fee (row 43). When it is known whose it was, two people charge it there:
-- to the payout that it paid (its text did not name it), or to the float of the merchant that it was made for.
ALTER TABLE points_bank_line ADD COLUMN reassigned_to_id bigint REFERENCES points_account, ADD COLUMN reassigned_at timestamptz, ADD COLUMN reassign_journal_id bigint,
  ADD CONSTRAINT points_bank_line_reassigned_whole CHECK (
    (reassigned_to_id IS NULL) = (reassigned_at IS NULL) AND (reassigned_to_id IS NULL) = (reassign_journal_id IS NULL)
    AND (reassigned_to_id IS NULL OR amount_fen < 0 AND allotted_to_id = 3));

-- in payout → fee (the payout is paid), or float → fee; returns the journal. The fee collects: it needs no lock to receive.
CREATE FUNCTION points_reassign(p_line bigint, p_payout bigint, p_float bigint, p_actor text, p_event timestamptz, p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; day date; b points_bank_line; p points_payout; own bigint; has bigint; tid bigint;
BEGIN
  PERFORM points_check_event(p_event, p_now);
  IF p_actor IS NULL OR (p_payout IS NULL) = (p_float IS NULL) THEN RAISE EXCEPTION 'a payout or a float' USING ERRCODE = '22023'; END IF;
  SELECT coalesce((SELECT account_id FROM points_payout WHERE id = p_payout), (SELECT id FROM points_account WHERE id = p_float AND kind = 3)) INTO own;
  IF own IS NULL THEN RAISE EXCEPTION 'no such payout or float' USING ERRCODE = 'LH014'; END IF;
  SELECT balance INTO has FROM points_account WHERE id = own FOR NO KEY UPDATE;
  SELECT * INTO p FROM points_payout WHERE id = p_payout FOR UPDATE;
  SELECT * INTO b FROM points_bank_line WHERE id = p_line FOR UPDATE;
  IF b.id IS NULL THEN RAISE EXCEPTION 'bank line unknown' USING ERRCODE = 'LH001'; END IF;
  IF b.amount_fen > 0 OR b.payout_id IS NOT NULL OR b.reassigned_to_id IS NOT NULL THEN RAISE EXCEPTION 'not a debit that the fee bears' USING ERRCODE = 'LH002'; END IF;
  IF p_payout IS NOT NULL AND p.state <> 3 THEN RAISE EXCEPTION 'no bank has this payout' USING ERRCODE = 'LH014'; END IF;
  IF p_payout IS NOT NULL AND p.amount_fen <> -b.amount_fen THEN RAISE EXCEPTION 'another amount' USING ERRCODE = 'LH015'; END IF;
  IF p_float IS NOT NULL AND has < -b.amount_fen THEN RAISE EXCEPTION 'the float is smaller' USING ERRCODE = 'LH016'; END IF;
  ts := points_clock(p_now); day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  tid := points_clear_row(19::smallint, p_actor, ts, day, own, 3, -b.amount_fen);
  UPDATE points_account SET balance = balance + b.amount_fen WHERE id = own;
  UPDATE points_payout SET state = 4, ended_at = ts, end_journal_id = tid WHERE id = p_payout;
  UPDATE points_bank_line SET reassigned_to_id = own, reassigned_at = ts, reassign_journal_id = tid, payout_id = p_payout WHERE id = p_line;
  RETURN tid;
END $$;
