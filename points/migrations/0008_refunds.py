"""Refunds in part and in full, what is due, and who should still pay back."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0007_holds")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("refund"), read("privileges")],
            state_operations=[],
        )
    ]
