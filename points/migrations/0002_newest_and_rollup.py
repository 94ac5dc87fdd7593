"""The newest movements without a walk through all partitions; the roll-up writes in the order of its indexes."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0001_initial")]

    operations = [read("newest"), read("rollup")]
