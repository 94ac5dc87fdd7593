"""Stripes of busy floats, made and gathered by the system."""

import re
from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"
# Whatever takes it as an argument is written again with it.
_LINE = "DROP TYPE points_line CASCADE"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


def functions(name):
    """The functions of a file once more; its tables are there."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    found = re.findall(r"^CREATE (?:OR REPLACE )?(FUNCTION .*?\$\$.*?\$\$;)", text, re.MULTILINE | re.DOTALL)
    return migrations.RunSQL("\n".join(f"CREATE OR REPLACE {each}" for each in found), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0014_backtest")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                read("stripe"),
                migrations.RunSQL(_LINE, migrations.RunSQL.noop),
                read("post"),
                *(functions(name) for name in ("entry", "close", "award", "promise", "refund", "clear")),
                read("rollup"),
                read("lighter"),
                read("privileges"),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="account",
                    name="stripes",
                    field=models.SmallIntegerField(default=0, verbose_name="allowances"),
                ),
                migrations.CreateModel(
                    name="Allowance",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "float_id", "stripe", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("float_id", models.BigIntegerField(verbose_name="float")),
                        ("stripe", models.SmallIntegerField(verbose_name="part")),
                        ("balance", models.BigIntegerField(verbose_name="balance")),
                    ],
                    options={
                        "verbose_name": "allowance",
                        "verbose_name_plural": "allowances",
                        "db_table": "points_allowance",
                    },
                ),
            ],
        ),
    ]
