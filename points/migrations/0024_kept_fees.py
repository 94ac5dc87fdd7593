"""The fee of points that were gone when purchases came back."""

import re
from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


def function(name, wanted):
    """One function of a file once more; its tables are there."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    (found,) = re.findall(
        rf"^CREATE (?:OR REPLACE )?(FUNCTION {wanted}\(.*?\$\$.*?\$\$;)", text, re.MULTILINE | re.DOTALL
    )
    return migrations.RunSQL(f"CREATE OR REPLACE {found}", migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0023_offline")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("keep_fee"), function("refund", "points_settle_debts"), read("privileges")],
            state_operations=[
                migrations.AlterField(
                    model_name="claim",
                    name="why",
                    field=models.SmallIntegerField(
                        choices=[
                            (1, "points of a returned purchase were gone"),
                            (2, "advanced by the buffer"),
                            (3, "bonus of a returned purchase"),
                            (4, "spending fee of a returned purchase"),
                            (5, "reward taken back, its points were gone"),
                            (6, "fee kept on points of returned purchases that were gone"),
                        ],
                        verbose_name="why",
                    ),
                ),
                migrations.CreateModel(
                    name="KeptFee",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "float_id", "month", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        (
                            "float",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="float",
                            ),
                        ),
                        ("month", models.DateField(verbose_name="month")),
                        ("issued", models.BigIntegerField(verbose_name="points issued")),
                        ("short", models.BigIntegerField(verbose_name="points that were gone")),
                        ("share_bps", models.IntegerField()),
                        ("fee", models.BigIntegerField(verbose_name="fee kept")),
                        ("taken", models.BigIntegerField()),
                        ("transfer_id", models.BigIntegerField(null=True)),
                        (
                            "claim",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.claim",
                            ),
                        ),
                        ("kept_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name": "fee kept on missing points",
                        "verbose_name_plural": "fees kept on missing points",
                        "db_table": "points_kept_fee",
                    },
                ),
            ],
        )
    ]
