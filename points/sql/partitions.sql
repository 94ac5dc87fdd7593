-- Monthly partitions by booked_at, in Shanghai's months; never a default partition that could hold rows.
-- The application may look 24 months ahead at most; the owner (town, replay, tests) may prepare a past.
CREATE OR REPLACE FUNCTION points_make_partitions(p_from date, p_to date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  parent text; part text; month date; grantee oid; made integer := 0;
  is_owner boolean := pg_has_role(session_user, current_user, 'MEMBER');
BEGIN
  IF p_from IS NULL OR p_to IS NULL OR p_from > p_to OR p_from < '2000-01-01' OR p_to >= '2200-01-01' OR p_to - p_from > 366 * 25 THEN
    RAISE EXCEPTION 'no such months' USING ERRCODE = '22023';
  END IF;
  IF NOT is_owner AND (p_from < current_date - 62 OR p_to > current_date + 750) THEN
    RAISE EXCEPTION 'too far away' USING ERRCODE = '42501';
  END IF;
  PERFORM pg_advisory_xact_lock(7261, 1);
  FOREACH parent IN ARRAY ARRAY['points_transfer', 'points_sale', 'points_lot_use'] LOOP
    month := date_trunc('month', p_from)::date;
    WHILE month <= p_to LOOP
      part := format('%s_%s', parent, to_char(month, 'YYYYMM'));
      IF to_regclass('public.' || part) IS NULL THEN
        -- Attaching an empty table takes a weaker lock than CREATE … PARTITION OF: posting goes on meanwhile.
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part,
          month::text || ' 00:00:00+08', (month + interval '1 month')::date::text || ' 00:00:00+08');
        EXECUTE format('CREATE TRIGGER points_kept BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION points_immutable()', part);
        -- Default privileges must not make a partition a back door to the history.
        FOR grantee IN SELECT DISTINCT a.grantee FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass('public.' || part) AND a.grantee <> c.relowner LOOP
          EXECUTE format('REVOKE ALL ON TABLE %I FROM %s', part, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END);
        END LOOP;
        made := made + 1;
      END IF;
      month := (month + interval '1 month')::date;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

CREATE OR REPLACE FUNCTION points_balance_as_of(p_wallet bigint, p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT coalesce((SELECT t.balance_after FROM points_transfer t
    WHERE t.bucket = (p_wallet % 64)::smallint AND t.wallet_id = p_wallet AND t.booked_at <= p_at
    ORDER BY t.booked_at DESC LIMIT 1), 0)
$$;
