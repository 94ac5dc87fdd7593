"""The sequence behind member numbers, and consents that are never rewritten."""

from django.db import migrations

UP = """
CREATE SEQUENCE members_number MINVALUE 1 MAXVALUE 9000000 NO CYCLE CACHE 1;

CREATE FUNCTION members_consent_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a consent is never deleted, it is withdrawn' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.withdrawn_at IS NOT NULL
       OR (NEW.id, NEW.member_id, NEW.purpose, NEW.text_version, NEW.given_at)
          IS DISTINCT FROM (OLD.id, OLD.member_id, OLD.purpose, OLD.text_version, OLD.given_at) THEN
        RAISE EXCEPTION 'a consent can only be withdrawn, once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER members_consent_stays BEFORE UPDATE OR DELETE ON members_consentrecord
    FOR EACH ROW EXECUTE FUNCTION members_consent_stays();
"""
DOWN = """
DROP TRIGGER members_consent_stays ON members_consentrecord;
DROP FUNCTION members_consent_stays();
DROP SEQUENCE members_number;
"""


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial")]

    operations = [migrations.RunSQL(UP, DOWN)]
