-- What the application's role may do in the book: read everything, write history through the functions only.
-- {role} is replaced by `manage.py grants`; every other floor's tables are the application's own.
GRANT USAGE ON SCHEMA public TO {role};
REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role};
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.oid::regclass AS name, c.relname, c.relkind, c.relispartition FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'S') AND pg_has_role(c.relowner, 'USAGE') LOOP
    IF t.relkind = 'S' THEN
      EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM PUBLIC, {role}', t.name);
      IF t.relname NOT IN ('points_account_id', 'points_transfer_id') THEN EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO {role}', t.name); END IF;
    ELSE
      EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, {role}', t.name);
      -- A partition is read through its table only.
      CONTINUE WHEN t.relispartition;
      EXECUTE format('GRANT SELECT ON %s TO {role}', t.name);
      IF t.relname NOT LIKE 'points\_%' AND t.relname <> 'django_migrations' THEN
        EXECUTE format('GRANT INSERT ON %s TO {role}', t.name);
        IF t.relname <> 'alliance_event' THEN EXECUTE format('GRANT UPDATE, DELETE ON %s TO {role}', t.name); END IF;
      END IF;
    END IF;
  END LOOP;
END $$;
-- How far the numbers have come (not the right to draw one): the newest rows of a list are found by it.
GRANT SELECT ON SEQUENCE points_transfer_id TO {role};
-- Not history: who finds a wallet, a wallet's tier.
GRANT INSERT, UPDATE (ends_at) ON points_handle TO {role};
GRANT INSERT, UPDATE (code_secret, code_step, used_steps, pin_hash, pin_tries, pin_locked_until) ON points_pass TO {role};
GRANT UPDATE (tier, frozen_at) ON points_wallet TO {role};
GRANT UPDATE (title) ON points_account TO {role};
-- A proof is added and never changed; its chain is written by a trigger. Buckets are let go by points_prune_proofs alone.
GRANT INSERT ON points_proof, points_proof_bucket TO {role};
GRANT EXECUTE ON FUNCTION
  points_post(smallint, bigint, text, uuid[], uuid[], bigint[], bigint[], bigint[], timestamptz[], integer[], integer[], integer[], text[], timestamptz, boolean, boolean),
  points_post_one(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, integer, integer, text, timestamptz, boolean, boolean),
  points_void(smallint, bigint, text, uuid, uuid, bigint, bigint, timestamptz, timestamptz),
  points_adjust(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, date, timestamptz, timestamptz),
  points_receive(text, text, text, bigint, date, text, text, text, timestamptz, timestamptz),
  points_allot(bigint, bigint, text, timestamptz, timestamptz),
  points_open_wallets(integer, timestamptz, smallint),
  points_open_account(smallint, bigint, text, bigint, timestamptz),
  points_open_rest(bigint, bigint, timestamptz),
  points_write_terms(bigint, integer, integer, integer, integer, integer, integer, integer, integer, smallint, smallint, timestamptz, timestamptz),
  points_mature(smallint, date, integer),
  points_expire(smallint, date, integer, timestamptz),
  points_close(date, bigint[], timestamptz),
  points_rollup(),
  points_account_number(text), points_bank_serial(text),
  points_balance_as_of(bigint, timestamptz),
  points_newest(bigint, timestamptz, bigint, integer, text),
  points_make_partitions(date, date),
  points_proof_chain(bytea, date, bytea, bigint, text),
  points_proof_top(date),
  points_prune_proofs()
TO {role};
-- Stripes: the clock gathers them.
GRANT EXECUTE ON FUNCTION points_fold_stripes(bigint) TO {role};
-- Seals: the clock seals days that are over.
GRANT EXECUTE ON FUNCTION points_seal_fence(timestamptz), points_seal_day(timestamptz), points_seal_next(), points_seal_root(date),
  points_seal_digests(date), points_seal_chain(bytea, date, smallint, bigint, bytea) TO {role};
GRANT EXECUTE ON FUNCTION
  points_set_line(bigint, bigint, smallint, smallint, smallint, boolean, timestamptz),
  points_draw_bills(date, bigint[], timestamptz),
  points_pay_bills(bigint, timestamptz, integer),
  points_drop_bill(bigint, timestamptz)
TO {role};
GRANT EXECUTE ON FUNCTION
  points_award_hold(bigint[], bigint[]),
  points_award_facts(bigint, bigint, date, bigint[], bigint[], boolean, boolean),
  points_post_awarded(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, integer, integer, text, timestamptz, boolean,
    bigint, bigint[], bigint[], integer[], bigint[], boolean, jsonb, jsonb, boolean)
TO {role};
-- Sums of bonuses that no limit reads any more are let go by the clock.
GRANT EXECUTE ON FUNCTION points_prune_award_used(bigint, bigint, date, integer, timestamptz) TO {role};
-- Clearing.
GRANT EXECUTE ON FUNCTION
  points_reassign(bigint, bigint, bigint, text, timestamptz, timestamptz),
  points_begin_clearing(date, bigint, text, timestamptz),
  points_finish_clearing(date, timestamptz),
  points_clear(date, bigint[], bigint[], timestamptz),
  points_set_standing(bigint, bigint, boolean),
  points_retain(bigint, bigint, text, timestamptz, timestamptz),
  points_release(bigint, bigint, text, timestamptz, timestamptz),
  points_bring_back(bigint, bigint, text, timestamptz, timestamptz), points_owed_back(), points_unclosed(date), points_newest_day(),
  points_stop_payout(bigint, text, timestamptz, timestamptz),
  points_approve_payouts(bigint, bigint),
  points_send_payouts(bigint, bigint[]),
  points_withdraw_fee(bigint, text, timestamptz, timestamptz),
  points_empty_float(bigint, text, timestamptz, timestamptz),
  points_book_statement(text, text, date, date, bigint, bigint, bytea, text[], bigint[], date[], text[], text[], bigint[], text, timestamptz, timestamptz)
TO {role};
GRANT EXECUTE ON FUNCTION
  points_place_hold(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, bigint, interval, text, timestamptz),
  points_capture_hold(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, integer, integer, text, timestamptz,
    bigint, bigint[], bigint[], integer[], bigint[], boolean, jsonb, jsonb, boolean),
  points_release_hold(smallint, bigint, text, uuid, uuid, bigint, bigint, timestamptz),
  points_release_overdue(integer, timestamptz)
TO {role};
GRANT EXECUTE ON FUNCTION
  points_refund(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, integer, integer, integer, bigint[], bigint[], boolean, integer, timestamptz, timestamptz, jsonb),
  points_recover_claims(bigint, timestamptz),
  points_settle_debts(bigint, timestamptz),
  points_keep_fees(date, bigint[], integer, timestamptz)
TO {role};
-- Flows, the surplus, opening balances, the closing mode.
GRANT EXECUTE ON FUNCTION points_flows(), points_flow_lines(bigint, bigint), points_flow_class(smallint), points_not_expiring(date),
  points_surplus_close(bigint, bigint, bigint, bigint, date, text, timestamptz, timestamptz), points_surplus_pay(bigint, smallint, integer, timestamptz),
  points_opening_stage(text, bytea, integer[], bigint[], bigint[], date[], text, timestamptz), points_opening_start(bigint, bigint, text, timestamptz, timestamptz),
  points_opening_cancel(bigint, timestamptz), points_opening_book(bigint, smallint, integer, timestamptz),
  points_winding_start(smallint, text, bigint[], date, date, bigint, text, timestamptz, timestamptz), points_wind_up(bigint, smallint, integer, timestamptz),
  points_winding_finish(bigint, timestamptz) TO {role};
GRANT EXECUTE ON FUNCTION points_give_awaited(bigint, bigint, bigint[], bigint[], integer[], bigint[], jsonb, timestamptz) TO {role};
-- What the laws reckon with (`verify`, every night).
GRANT EXECUTE ON FUNCTION points_credit_of(bigint, integer) TO {role};
-- Rewards for what is not a sale.
GRANT EXECUTE ON FUNCTION
  points_refer(bigint, bigint, text, timestamptz, timestamptz),
  points_reward_room(bigint, smallint),
  points_give_reward(smallint, bigint, text, uuid, uuid, smallint, text, bigint, bigint, bigint, bigint, date, bigint, bigint, timestamptz, timestamptz),
  points_take_reward(smallint, bigint, text, uuid, uuid, bigint, timestamptz, timestamptz),
  points_refund_rewarded(smallint, bigint, text, uuid, uuid, bigint, bigint, bigint, timestamptz, integer, integer, integer, integer, bigint[], bigint[], boolean, integer, timestamptz, timestamptz, jsonb),
  points_recover_rewards(bigint, timestamptz)
TO {role};
