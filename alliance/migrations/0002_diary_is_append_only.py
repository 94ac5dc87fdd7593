from django.db import migrations

GUARD = """
CREATE FUNCTION alliance_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = '23514';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON alliance_event
  FOR EACH ROW EXECUTE FUNCTION alliance_append_only();
"""
UNGUARD = """
DROP TRIGGER append_only ON alliance_event;
DROP FUNCTION alliance_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("alliance", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
