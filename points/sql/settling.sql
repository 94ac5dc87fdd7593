-- What settling needs of the tables: parts of lots that are held, reward credit, accounts on their way out.
ALTER TABLE points_lot ADD COLUMN held bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT points_lot_held_within_what_remains CHECK (held BETWEEN 0 AND remaining);

-- Reward credit (G8): what kept sales allow others to give, and what others have given. Given may pass the credit only when
-- a sale is undone later; then nothing more is given until it is earned again.
ALTER TABLE points_wallet ADD COLUMN credit bigint NOT NULL DEFAULT 0, ADD COLUMN rewarded bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT points_wallet_reward_credit CHECK (credit >= 0 AND rewarded >= 0);

-- Kinds 13 in payout and 14 retained (disputed) belong to a merchant (float_id) or a centre (centre_id), 15 surplus to all. All are live.
CREATE UNIQUE INDEX points_account_one_on_its_way ON points_account (kind, coalesce(float_id, centre_id)) WHERE kind IN (13, 14);
INSERT INTO points_account (id, kind, title, opened_at) VALUES (6, 15, '', '2000-01-01');
