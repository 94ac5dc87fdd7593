"""Surplus closings, opening balances, and the closing mode."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0011_clearing")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("surplus"), read("privileges")],
            state_operations=[],
        )
    ]
