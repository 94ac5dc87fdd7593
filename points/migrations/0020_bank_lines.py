"""One identity for a line of the bank; what came back in the same file."""

import re
from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


def functions(name):
    """The functions of a file once more; its tables are there."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    found = re.findall(r"^CREATE (?:OR REPLACE )?(FUNCTION .*?\$\$.*?\$\$;)", text, re.MULTILINE | re.DOTALL)
    return migrations.RunSQL("\n".join(f"CREATE OR REPLACE {each}" for each in found), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0019_indexes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("bank"), *(functions(name) for name in ("entry", "clear")), read("privileges")],
            state_operations=[
                migrations.AddField(
                    model_name="bankline",
                    name="is_double",
                    field=models.BooleanField(default=False, verbose_name="booked twice"),
                ),
            ],
        ),
    ]
