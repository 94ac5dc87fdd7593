"""Days are over before points are taken for them, versions end with notice, and two lists get their index."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
_AGEING = (SQL / "ageing.sql").read_text(encoding="utf-8")
_TERMS = (SQL / "terms.sql").read_text(encoding="utf-8")
_INDEXES = """
CREATE INDEX IF NOT EXISTS points_sale_booked_brin ON points_sale USING brin (booked_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX IF NOT EXISTS points_bank_line_waiting ON points_bank_line (received_at) WHERE allotted_to_id IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("points", "0004_rules")]

    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (_AGEING, _TERMS, _INDEXES)]
