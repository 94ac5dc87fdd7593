-- One version of an agreement. The book looks up the merchant's accounts itself. The version in force at p_from ends there,
-- unless bills were already booked under it from then on; older versions are never touched.
CREATE OR REPLACE FUNCTION points_write_terms(p_float bigint, p_version integer, p_rate integer, p_member integer, p_fee integer, p_centre integer, p_promo integer,
  p_spend_fee integer, p_spend_share integer, p_matures smallint, p_holdback smallint, p_from timestamptz, p_to timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  owner bigint; proceeds bigint; fee_rest bigint; promo bigint; ended bigint; written bigint;
BEGIN
  SELECT owner_no INTO owner FROM points_account WHERE id = p_float AND kind = 3 FOR NO KEY UPDATE;
  SELECT min(id) FILTER (WHERE kind = 4), min(id) FILTER (WHERE kind = 6), min(id) FILTER (WHERE kind = 12) INTO proceeds, fee_rest, promo
    FROM points_account WHERE float_id = p_float AND owner_no = owner AND kind IN (4, 6, 12);
  IF owner IS NULL OR proceeds IS NULL OR fee_rest IS NULL OR promo IS NULL OR p_from IS NULL OR p_to <= p_from THEN
    RAISE EXCEPTION 'no such merchant or time' USING ERRCODE = '22023';
  END IF;
  UPDATE points_terms SET valid_to = p_from WHERE float_id = p_float AND valid_from < p_from AND (valid_to IS NULL OR valid_to > p_from) RETURNING id INTO ended;
  -- A bill on its way may be five minutes ahead of the clock: nobody but the owner lets a version end sooner than in ten.
  IF ended IS NOT NULL AND p_from <= clock_timestamp() + interval '10 minutes' AND NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    RAISE EXCEPTION 'a version needs ten minutes' USING ERRCODE = '22023';
  END IF;
  -- No bill is later than the clock and five minutes (or than the owner's own clock): a start beyond needs no look.
  IF ended IS NOT NULL AND (p_from <= clock_timestamp() + interval '5 minutes' OR pg_has_role(session_user, current_user, 'MEMBER'))
     AND EXISTS (SELECT FROM points_sale WHERE terms_id = ended AND kind = 1 AND event_at >= p_from AND booked_at >= p_from - interval '1 day') THEN
    RAISE EXCEPTION 'bills were booked under the version before' USING ERRCODE = '22023';
  END IF;
  INSERT INTO points_terms (float_id, proceeds_id, fee_rest_id, promo_id, version, rate_bps, member_bps, fee_bps, centre_bps, promo_bps,
      spend_fee_bps, spend_share_bps, matures_days, holdback_days, valid_from, valid_to)
    VALUES (p_float, proceeds, fee_rest, promo, p_version, p_rate, p_member, p_fee, p_centre, p_promo,
      p_spend_fee, p_spend_share, p_matures, p_holdback, p_from, p_to) RETURNING id INTO written;
  RETURN written;
END $$;
