"""An award that is more than is there; what the operator owes before it takes; days that lie ahead of the book."""

import re
from pathlib import Path

import django.db.models.deletion
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
    dependencies = [("points", "0020_bank_lines")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                read("dispute"),
                *(functions(name) for name in ("entry", "close", "clear", "surplus")),
                read("privileges"),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="retention",
                    name="owed_fen",
                    field=models.BigIntegerField(default=0, verbose_name="still owed at the decision"),
                ),
                migrations.AddField(
                    model_name="retention",
                    name="root",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rests",
                        to="points.retention",
                        verbose_name="first of its dispute",
                    ),
                ),
                migrations.AddField(
                    model_name="retention",
                    name="awarded_to",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="points.account",
                        verbose_name="awarded to",
                    ),
                ),
            ],
        ),
    ]
