-- History is never changed, not even by a slip of the owner (who could only drop the trigger first).
CREATE FUNCTION points_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = '23514';
END $$;
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_transfer FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_sale FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_lot_use FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_immutable BEFORE UPDATE OR DELETE ON points_key FOR EACH ROW EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_transfer FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_sale FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_lot_use FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_key FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_wallet FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
CREATE TRIGGER points_kept BEFORE TRUNCATE ON points_account FOR EACH STATEMENT EXECUTE FUNCTION points_immutable();
