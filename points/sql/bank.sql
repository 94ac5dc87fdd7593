-- A line of the bank has one identity: the account's number and the bank's serial, however both were written, whatever the bank
-- was called. What stands in the book is the normal form.

-- Narrow signs, no spaces, no hyphens, capital letters: '6200-0000 0001' and '６２００００００ ０００１' are one account.
CREATE OR REPLACE FUNCTION points_account_number(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT upper(regexp_replace(normalize(p_text, NFKC), '[\s\u200B\u2010-\u2015\u2212-]+', '', 'g'))
$$;
CREATE OR REPLACE FUNCTION points_bank_serial(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT regexp_replace(normalize(p_text, NFKC), '^\s+|\s+$', '', 'g')
$$;

-- Lines that were booked twice before the identity was kept: the later ones stay as they were written, and are marked.
ALTER TABLE points_bank_line DROP CONSTRAINT points_bank_line_once, ADD COLUMN is_double boolean NOT NULL DEFAULT false;
WITH d AS (SELECT id, row_number() OVER (PARTITION BY points_account_number(account), points_bank_serial(serial) ORDER BY id) AS n FROM points_bank_line)
  UPDATE points_bank_line b SET is_double = true FROM d WHERE d.id = b.id AND d.n > 1;
UPDATE points_bank_line SET account = points_account_number(account), serial = points_bank_serial(serial)
  WHERE NOT is_double AND (account <> points_account_number(account) OR serial <> points_bank_serial(serial));
CREATE UNIQUE INDEX points_bank_line_once ON points_bank_line (account, serial) WHERE NOT is_double;
ALTER TABLE points_bank_line ADD CONSTRAINT points_bank_line_of_a_normal_account CHECK (is_double OR account = points_account_number(account) AND serial = points_bank_serial(serial));

-- Files of one account under several names each went their own way: such chains stay as they were, and the newest is gone on with.
UPDATE points_bank_statement s SET account = points_account_number(account) WHERE account <> points_account_number(account)
  AND NOT EXISTS (SELECT FROM points_bank_statement z WHERE z.account <> s.account AND points_account_number(z.account) = points_account_number(s.account));

-- What came back
-- A credit that the text or the amount did not tell: two people say which payout it is. Suspense → where the payout came from.
CREATE OR REPLACE FUNCTION points_bring_back(p_line bigint, p_payout bigint, p_actor text, p_event timestamptz, p_now timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  ts timestamptz; b points_bank_line; p points_payout; jid bigint; day date;
BEGIN
  PERFORM points_check_event(p_event, p_now);
  IF p_actor IS NULL THEN RAISE EXCEPTION 'no actor' USING ERRCODE = '22023'; END IF;
  SELECT * INTO b FROM points_bank_line WHERE id = p_line FOR UPDATE;
  IF b.id IS NULL THEN RAISE EXCEPTION 'bank line unknown' USING ERRCODE = 'LH001'; END IF;
  IF b.allotted_to_id IS NOT NULL AND b.payout_id = p_payout AND b.amount_fen > 0 THEN RETURN b.allot_journal_id; END IF;
  IF b.allotted_to_id IS NOT NULL THEN RAISE EXCEPTION 'bank line allotted already' USING ERRCODE = 'LH002'; END IF;
  PERFORM 1 FROM points_account WHERE id = 2 FOR NO KEY UPDATE;
  SELECT * INTO p FROM points_payout WHERE id = p_payout FOR UPDATE;
  IF p.state = 4 IS NOT TRUE OR b.amount_fen > p.amount_fen THEN RAISE EXCEPTION 'not a payout that was paid, or a smaller one' USING ERRCODE = 'LH014'; END IF;
  ts := points_clock(p_now); day := (ts AT TIME ZONE 'Asia/Shanghai')::date;
  jid := points_clear_row(20::smallint, p_actor, ts, day, 2, p.source_id, b.amount_fen);
  UPDATE points_account SET balance = balance - b.amount_fen WHERE id = 2;
  UPDATE points_bank_line SET allotted_to_id = p.source_id, allotted_at = ts, allot_journal_id = jid, payout_id = p_payout WHERE id = p_line;
  UPDATE points_payout SET state = 5, returned_at = ts, return_journal_id = jid WHERE id = p_payout;
  IF p.source_id > 1023 THEN
    INSERT INTO points_movement (journal_id, account_id, kind, amount_fen, booked_on, payout_id) VALUES (jid, p.source_id, 4, b.amount_fen, day, p_payout);
  END IF;
  RETURN jid;
END $$;
