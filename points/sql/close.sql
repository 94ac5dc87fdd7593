-- Rows 5 and 18, the daily close of some floats: split of the running total of what was released by p_on, less what was posted.
-- Totals are exact: the roll-up's, and what was booked since (of that, only credits of older transactions, like points_free).
-- What late refunds made due is no part of the total: each party gives back its own part of target − posted, as far as it
-- has it; what it lacks waits for its next takings and is kept in points_split (unpaid, short). Then the dues are paid, oldest first.
-- Posting again posts nothing. The entries' own due_on is 9999-12-31, so that they are never counted as released.
CREATE OR REPLACE FUNCTION points_close_targets(p_floats bigint[], p_on date)
RETURNS TABLE (id bigint, kind smallint, float_id bigint, centre_id bigint, promo_id bigint, released bigint, t bigint, paid bigint,
  was bigint[], want bigint[], is_slow boolean) LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH mine AS MATERIALIZED (SELECT a.id, a.kind, a.float_id, a.terms_id, a.centre_id FROM points_account a WHERE a.float_id = ANY (p_floats) AND a.kind IN (5, 6)),
    fresh AS (
      SELECT v.account_id, sum(v.amount) AS amount, count(*) AS n FROM points_transfer x
        CROSS JOIN LATERAL (VALUES (x.debit_id, -(x.points + x.rest)), (x.credit_id, x.points), (x.rest_id, x.rest)) v(account_id, amount)
        WHERE x.xid >= (SELECT m.xid FROM points_mark m WHERE m.name = 'rollup') AND (v.amount < 0 OR x.xid <= pg_current_xact_id()::text::bigint)
          AND coalesce(x.due_on, x.booked_on) <= p_on AND v.account_id IN (SELECT y.id FROM mine y) GROUP BY 1),
    total AS (
      -- LATERAL pins index probes, whatever the planner believes of tables that were filled just now.
      SELECT y.*, coalesce(d.amount, 0) + coalesce(f.amount, 0) AS released FROM mine y
        CROSS JOIN LATERAL (SELECT sum(z.amount) AS amount FROM points_account_day z WHERE z.account_id = y.id AND z.due_on <= p_on) d
        LEFT JOIN fresh f ON f.account_id = y.id
        WHERE d.amount IS NOT NULL OR f.account_id IS NOT NULL),
    target AS (
      SELECT x.id, x.kind, x.float_id, x.centre_id, terms.promo_id, x.released, (x.released - coalesce(o.amount, 0))::bigint AS t, coalesce(o.paid, 0) AS paid,
        coalesce(o.is_new, false) OR coalesce(s.unpaid + s.short > 0, false) AS is_slow,
        ARRAY[coalesce(s.fee, 0), coalesce(s.centre, 0), coalesce(s.promo, 0), coalesce(s.buffer, 0)] AS was,
        CASE WHEN x.kind = 6 THEN 10000 WHEN terms.member_bps = 10000 THEN 0 ELSE terms.fee_bps END AS fee_bps,
        CASE WHEN x.kind = 6 OR terms.member_bps = 10000 THEN 0 ELSE terms.centre_bps END AS centre_bps,
        CASE WHEN x.kind = 6 OR terms.member_bps = 10000 THEN 0 ELSE terms.promo_bps END AS promo_bps,
        CASE WHEN x.kind = 6 OR terms.member_bps = 10000 THEN 10000 ELSE 10000 - terms.member_bps END AS of_bps
      FROM total x CROSS JOIN LATERAL (SELECT sum(z.amount) AS amount, sum(z.paid) AS paid, bool_or(z.taken_on IS NULL) AS is_new FROM points_due z WHERE z.account_id = x.id) o
        LEFT JOIN LATERAL (SELECT z.* FROM points_terms z WHERE z.id = x.terms_id LIMIT 1) terms ON true
        LEFT JOIN LATERAL (SELECT z.* FROM points_split z WHERE z.account_id = x.id LIMIT 1) s ON true)
  SELECT y.id, y.kind, y.float_id, y.centre_id, y.promo_id, y.released::bigint, y.t, y.paid::bigint, y.was, y.want,
      y.is_slow OR y.want[1] < y.was[1] OR y.want[2] < y.was[2] OR y.want[3] < y.was[3] OR y.want[4] < y.was[4]
    FROM (SELECT g.*, ARRAY[g.t * g.fee_bps / g.of_bps, g.t * g.centre_bps / g.of_bps, g.t * g.promo_bps / g.of_bps,
        g.t - g.t * g.fee_bps / g.of_bps - g.t * g.centre_bps / g.of_bps - g.t * g.promo_bps / g.of_bps] AS want FROM target g) y;
END $$;

CREATE OR REPLACE FUNCTION points_close(p_on date, p_floats bigint[], p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  ts timestamptz; posted integer := 0; plain integer; todo bigint[]; slow bigint[] := '{}'; r record; d record; was bigint[]; party bigint[]; room bigint; x bigint; y bigint;
  tid bigint; jid bigint; unpaid bigint; short bigint; owed_to bigint[];
BEGIN
  IF p_on IS NULL OR p_floats IS NULL OR p_on >= (coalesce(p_now, now()) AT TIME ZONE 'Asia/Shanghai')::date THEN
    RAISE EXCEPTION 'only a day that is over can be closed' USING ERRCODE = '22023';
  END IF;
  ts := points_clock(p_now);
  -- Two closes of the same merchant wait for each other here; the second finds the day closed and leaves it alone. Refunds
  -- take the float before they look whether the hold-back is over: they come before this close, or after it.
  owed_to := ARRAY(SELECT DISTINCT z.to_id FROM points_account a JOIN points_due z ON z.account_id = a.id WHERE a.float_id = ANY (p_floats) AND a.kind IN (5, 6) AND z.paid < z.amount);
  PERFORM points_gather(p_floats || owed_to);
  SELECT array_agg(id) INTO todo FROM points_account WHERE id = ANY (p_floats) AND kind = 3 AND (closed_on IS NULL OR closed_on < p_on);
  IF todo IS NULL THEN RETURN 0; END IF;
  UPDATE points_account SET closed_on = p_on WHERE id = ANY (todo);
  owed_to := owed_to || ARRAY(SELECT t.promo_id FROM points_terms t WHERE t.float_id = ANY (todo) AND t.promo_bps > 0);
  PERFORM 1 FROM points_account WHERE id = ANY (owed_to) AND kind IN (11, 12, 15) ORDER BY kind, id FOR NO KEY UPDATE;

  -- First those where somebody has to give back.
  FOR r IN SELECT * FROM points_close_targets(todo, p_on) z WHERE z.is_slow ORDER BY z.id LOOP
    IF slow = '{}' THEN
      PERFORM 1 FROM points_account a WHERE a.id IN (3, 4) OR a.kind = 7 AND a.id IN (SELECT z.centre_id FROM points_account z WHERE z.float_id = ANY (todo) AND z.kind = 5)
        ORDER BY a.id FOR NO KEY UPDATE;
    END IF;
    slow := slow || r.id;
    was := r.was; party := ARRAY[3, r.centre_id, r.promo_id, 4]; jid := NULL;
    room := r.released - r.paid - (was[1] + was[2] + was[3] + was[4]);
    FOR i IN 1 .. 4 LOOP
      CONTINUE WHEN r.want[i] >= was[i];
      x := CASE i WHEN 3 THEN (SELECT a.balance FROM points_account a WHERE a.id = r.promo_id) ELSE points_free(party[i]) END;
      x := greatest(0, least(was[i] - r.want[i], x));
      -- Promotion credit that is used up is the merchant's own to give back.
      y := CASE i WHEN 3 THEN (SELECT least(was[i] - r.want[i] - x, a.balance) FROM points_account a WHERE a.id = r.float_id) ELSE 0 END;
      FOR d IN SELECT * FROM (VALUES (party[i], x), (r.float_id, y)) v(from_id, points) WHERE v.points > 0 LOOP
        tid := nextval('points_transfer_id'); jid := coalesce(jid, tid); posted := posted + 1;
        INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
          VALUES (-1, 0, ts, tid, tid, jid, 7, ts, p_on, 'system:close', d.from_id, r.id, d.points, '9999-12-31');
        IF i = 3 THEN UPDATE points_account a SET balance = a.balance - d.points WHERE a.id = d.from_id; END IF;
        was[i] := was[i] - d.points; room := room + d.points;
      END LOOP;
    END LOOP;
    FOR i IN 1 .. 4 LOOP
      x := least(r.want[i] - was[i], room);
      CONTINUE WHEN x <= 0;
      tid := nextval('points_transfer_id'); jid := coalesce(jid, tid); posted := posted + 1;
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
        VALUES (-1, 0, ts, tid, tid, jid, 7, ts, p_on, 'system:close', r.id, party[i], x, '9999-12-31');
      IF i = 3 THEN UPDATE points_account a SET balance = a.balance + x WHERE a.id = party[i]; END IF;
      was[i] := was[i] + x; room := room - x;
    END LOOP;
    UPDATE points_due SET taken_on = p_on WHERE account_id = r.id AND taken_on IS NULL;
    FOR d IN SELECT z.* FROM points_due z WHERE z.account_id = r.id AND z.paid < z.amount ORDER BY z.id LOOP
      x := least(d.amount - d.paid, room);
      EXIT WHEN x <= 0;
      tid := nextval('points_transfer_id'); jid := coalesce(jid, tid); posted := posted + 1;
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
        VALUES (-1, 0, ts, tid, tid, jid, 18, ts, p_on, 'system:close', r.id, d.to_id, x, '9999-12-31');
      UPDATE points_account a SET balance = a.balance + x WHERE a.id = d.to_id;
      UPDATE points_due SET paid = paid + x WHERE id = d.id;
      room := room - x;
    END LOOP;
    SELECT coalesce(sum(z.amount - z.paid), 0) INTO unpaid FROM points_due z WHERE z.account_id = r.id;
    short := greatest(0, was[1] - r.want[1]) + greatest(0, was[2] - r.want[2]) + greatest(0, was[3] - r.want[3]) + greatest(0, was[4] - r.want[4]);
    INSERT INTO points_split AS s (account_id, total, fee, centre, promo, buffer, closed_on, unpaid, short)
      VALUES (r.id, r.t, was[1], was[2], was[3], was[4], p_on, unpaid, short)
      ON CONFLICT (account_id) DO UPDATE SET total = excluded.total, fee = excluded.fee, centre = excluded.centre, promo = excluded.promo,
        buffer = excluded.buffer, closed_on = greatest(s.closed_on, excluded.closed_on), unpaid = excluded.unpaid, short = excluded.short;
  END LOOP;

  WITH target AS MATERIALIZED (
      SELECT z.* FROM points_close_targets(todo, p_on) z WHERE NOT z.is_slow AND z.id <> ALL (slow) AND z.want <> z.was),
    kept AS (
      INSERT INTO points_split AS s (account_id, total, fee, centre, promo, buffer, closed_on)
        SELECT id, t, want[1], want[2], want[3], want[4], p_on FROM target
        ON CONFLICT (account_id) DO UPDATE SET total = excluded.total, fee = excluded.fee, centre = excluded.centre, promo = excluded.promo,
          buffer = excluded.buffer, closed_on = greatest(s.closed_on, excluded.closed_on)),
    part AS (
      SELECT x.id, v.to_id, v.points, v.is_live FROM target x CROSS JOIN LATERAL (VALUES
        (3::bigint, x.want[1] - x.was[1], false), (x.centre_id, x.want[2] - x.was[2], false), (x.promo_id, x.want[3] - x.was[3], true),
        (4::bigint, x.want[4] - x.was[4], false)) v(to_id, points, is_live) WHERE v.points > 0),
    promoted AS (
      UPDATE points_account a SET balance = a.balance + g.points
        FROM (SELECT to_id, sum(points)::bigint AS points FROM part WHERE is_live GROUP BY to_id) g WHERE a.id = g.to_id),
    numbered AS (SELECT part.*, nextval('points_transfer_id') AS tid FROM part),
    booked AS (
      INSERT INTO points_transfer (bucket, wallet_id, booked_at, seq, id, journal_id, kind, event_at, booked_on, actor, debit_id, credit_id, points, due_on)
        SELECT -1, 0, ts, tid, tid, first_value(tid) OVER (PARTITION BY id ORDER BY tid), 7, ts, p_on, 'system:close', id, to_id, points, '9999-12-31'
        FROM numbered RETURNING 1)
  SELECT count(*) INTO plain FROM booked;
  RETURN posted + plain;
END $$;
