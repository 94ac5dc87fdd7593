-- Three legs per transfer; Σ over all of them is zero by construction.
CREATE VIEW points_posting AS
  SELECT id AS transfer_id, journal_id, booked_at, booked_on, debit_id AS account_id, -(points + rest) AS amount FROM points_transfer
  UNION ALL SELECT id, journal_id, booked_at, booked_on, credit_id, points FROM points_transfer
  UNION ALL SELECT id, journal_id, booked_at, booked_on, rest_id, rest FROM points_transfer WHERE rest_id IS NOT NULL;

-- One row per journal: its first transfer speaks for it (who, when, where, why).
CREATE VIEW points_journal AS
  SELECT id, booked_at, booked_on, event_at, kind, wallet_id, outlet_id, actor, reverses_id, xid FROM points_transfer WHERE id = journal_id;
