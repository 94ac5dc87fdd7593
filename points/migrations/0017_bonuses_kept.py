"""Bonuses of promised sales, and by line when goods come back."""

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
    dependencies = [("points", "0016_rewards")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("awaited"), functions("award"), functions("refund"), read("privileges")],
            state_operations=[
                migrations.AddField(model_name="reversal", name="kept_lines", field=models.JSONField(null=True)),
                migrations.CreateModel(
                    name="Awaited",
                    fields=[
                        ("sale_id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="sale")),
                        ("wallet_id", models.BigIntegerField(verbose_name="wallet")),
                        ("told", models.BigIntegerField(verbose_name="told at the till")),
                        (
                            "state",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "waits for the bill"),
                                    (2, "comes now"),
                                    (3, "given"),
                                    (4, "dropped"),
                                ],
                                verbose_name="state",
                            ),
                        ),
                        ("points", models.BigIntegerField(default=0, verbose_name="points")),
                        ("facts", models.JSONField(null=True, verbose_name="facts")),
                        ("settled_at", models.DateTimeField(null=True, verbose_name="settled at")),
                    ],
                    options={
                        "verbose_name": "bonus of a promised sale",
                        "verbose_name_plural": "bonuses of promised sales",
                        "db_table": "points_awaited",
                    },
                ),
            ],
        )
    ]
