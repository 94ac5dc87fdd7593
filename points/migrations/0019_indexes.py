"""Indexes for the lists of finance at full size."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0018_ends")]

    operations = [read(name) for name in ("indexes", "privileges")]
