"""Holds: points set aside for a bill that is not final."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0006_settling")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[*map(read, ("hold", "ageing", "void", "privileges"))],
            state_operations=[
                migrations.CreateModel(
                    name="Hold",
                    fields=[
                        ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("outlet_id", models.BigIntegerField(verbose_name="outlet")),
                        ("float_id", models.BigIntegerField(verbose_name="float")),
                        ("points", models.BigIntegerField(verbose_name="points set aside")),
                        ("bill_fen", models.BigIntegerField(verbose_name="expected bill")),
                        (
                            "state",
                            models.SmallIntegerField(
                                choices=[(1, "open"), (2, "captured"), (3, "released"), (4, "timed out")],
                                default=1,
                                verbose_name="state",
                            ),
                        ),
                        ("placed_at", models.DateTimeField(verbose_name="set aside at")),
                        ("ends_at", models.DateTimeField(verbose_name="ends at")),
                        ("closed_at", models.DateTimeField(null=True, verbose_name="closed at")),
                        ("captured", models.BigIntegerField(default=0, verbose_name="points captured")),
                        ("sale_id", models.BigIntegerField(null=True, unique=True, verbose_name="sale")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        ("closed_by", models.CharField(default="", max_length=40, verbose_name="closed by")),
                        ("reference", models.CharField(default="", max_length=64, verbose_name="reference")),
                        (
                            "wallet",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.wallet",
                                verbose_name="wallet",
                            ),
                        ),
                    ],
                    options={"verbose_name": "hold", "verbose_name_plural": "holds", "db_table": "points_hold"},
                ),
                migrations.CreateModel(
                    name="HoldLot",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "hold",
                                "lapses_on",
                                "funder_id",
                                "expires_on",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("lapses_on", models.DateField(verbose_name="lapses on")),
                        ("funder_id", models.BigIntegerField(verbose_name="funder")),
                        ("expires_on", models.DateField(verbose_name="expires on")),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        (
                            "hold",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="lots",
                                to="points.hold",
                                verbose_name="hold",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "part of a hold",
                        "verbose_name_plural": "parts of holds",
                        "db_table": "points_hold_lot",
                    },
                ),
            ],
        )
    ]
