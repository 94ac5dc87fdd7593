-- The lists of finance at full size: what is open is a few rows of many, and each of these indexes holds those alone. A row enters
-- when it is written and leaves when it is settled, so no movement of points pays for them.

-- Debits that nobody knows: the fee bears them until somebody finds out whose they were.
CREATE INDEX IF NOT EXISTS points_bank_line_unknown ON points_bank_line (id) WHERE amount_fen < 0 AND payout_id IS NULL;
-- Late refunds whose close has not paid yet, by who gets it.
CREATE INDEX IF NOT EXISTS points_due_open ON points_due (to_id) WHERE paid < amount;
-- Bills by their last day; points_bill_unpaid finds those whose promises are dropped.
CREATE INDEX IF NOT EXISTS points_bill_due ON points_bill (due_on) WHERE open_fen > 0;
-- Payouts that the bank sent back, and those that were stopped: few, and looked for.
CREATE INDEX IF NOT EXISTS points_payout_back ON points_payout (state, id) WHERE state IN (5, 6);
