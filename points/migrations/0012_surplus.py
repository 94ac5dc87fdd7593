"""Surplus closings, opening balances, and the closing mode."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0011_clearing")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[*map(read, ("flow", "surplus", "opening", "winding", "ageing", "privileges"))],
            state_operations=[
                migrations.CreateModel(
                    name="FlowDay",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("booked_on", models.DateField(verbose_name="accounting day")),
                        (
                            "flow",
                            models.SmallIntegerField(
                                choices=[
                                    (0, "not in wallets"),
                                    (1, "issued"),
                                    (2, "spent"),
                                    (3, "expired"),
                                    (4, "adjusted"),
                                    (5, "returned to its funder"),
                                ],
                                db_column="class",
                                verbose_name="class",
                            ),
                        ),
                        ("is_back", models.BooleanField(verbose_name="taken or given back")),
                        ("cohort_on", models.DateField(verbose_name="expires with")),
                        (
                            "origin",
                            models.SmallIntegerField(
                                choices=[(0, "no merchant gave it"), (1, "where it was earned"), (2, "elsewhere")],
                                verbose_name="origin",
                            ),
                        ),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        ("n", models.BigIntegerField(verbose_name="rows")),
                    ],
                    options={
                        "verbose_name": "flow of a day",
                        "verbose_name_plural": "flows of points",
                        "db_table": "points_flow_day",
                    },
                ),
                migrations.CreateModel(
                    name="OpeningLine",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "opening_id", "no", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("opening_id", models.BigIntegerField()),
                        ("no", models.IntegerField()),
                        ("bucket", models.SmallIntegerField()),
                        ("wallet_id", models.BigIntegerField()),
                        ("points", models.BigIntegerField()),
                        ("expires_on", models.DateField()),
                        ("transfer_id", models.BigIntegerField(null=True)),
                    ],
                    options={
                        "verbose_name": "line of opening balances",
                        "verbose_name_plural": "lines of opening balances",
                        "db_table": "points_opening_line",
                    },
                ),
                migrations.CreateModel(
                    name="SurplusClosing",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("approval_id", models.BigIntegerField()),
                        ("closed_at", models.DateTimeField(verbose_name="closed at")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        ("breakage_fen", models.BigIntegerField(verbose_name="from breakage")),
                        ("buffer_fen", models.BigIntegerField(verbose_name="from the buffer")),
                        ("floor_fen", models.BigIntegerField(verbose_name="floor of the buffer")),
                        ("pool_fen", models.BigIntegerField(verbose_name="surplus")),
                        ("credit", models.BigIntegerField(verbose_name="unused reward credit")),
                        ("members", models.IntegerField(verbose_name="members")),
                        ("points", models.BigIntegerField(verbose_name="points shared")),
                        ("expires_on", models.DateField(verbose_name="expires on")),
                        ("paid", models.BigIntegerField(default=0, verbose_name="points given so far")),
                        ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                    ],
                    options={
                        "verbose_name": "closing of the surplus",
                        "verbose_name_plural": "closings of the surplus",
                        "db_table": "points_surplus_closing",
                    },
                ),
                migrations.CreateModel(
                    name="SurplusShare",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "closing_id",
                                "bucket",
                                "wallet_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("closing_id", models.BigIntegerField()),
                        ("bucket", models.SmallIntegerField()),
                        ("wallet_id", models.BigIntegerField()),
                        ("credit", models.BigIntegerField()),
                        ("points", models.BigIntegerField()),
                        ("paid", models.BigIntegerField(null=True)),
                        ("transfer_id", models.BigIntegerField(null=True)),
                    ],
                    options={
                        "verbose_name": "share of the surplus",
                        "verbose_name_plural": "shares of the surplus",
                        "db_table": "points_surplus_share",
                    },
                ),
                migrations.CreateModel(
                    name="Winding",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "scope",
                            models.SmallIntegerField(
                                choices=[(1, "the alliance"), (2, "a region: some merchants"), (3, "one merchant")],
                                verbose_name="scope",
                            ),
                        ),
                        ("title", models.CharField(max_length=120, verbose_name="title")),
                        ("issue_ends_on", models.DateField(verbose_name="last day of issue")),
                        ("spend_ends_on", models.DateField(verbose_name="last day of spending")),
                        ("approval_id", models.BigIntegerField()),
                        ("decided_at", models.DateTimeField(verbose_name="decided at")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                    ],
                    options={
                        "verbose_name": "closing mode",
                        "verbose_name_plural": "closing modes",
                        "db_table": "points_winding",
                    },
                ),
                migrations.CreateModel(
                    name="WindingFloat",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "winding_id", "float_id", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("winding_id", models.BigIntegerField()),
                        ("float_id", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "merchant of a closing mode",
                        "verbose_name_plural": "merchants of closing modes",
                        "db_table": "points_winding_float",
                    },
                ),
                migrations.CreateModel(
                    name="Opening",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("title", models.CharField(max_length=80, verbose_name="title")),
                        ("digest", models.BinaryField(max_length=32)),
                        ("lines", models.IntegerField(verbose_name="lines")),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        ("staged_at", models.DateTimeField(verbose_name="taken up at")),
                        ("staged_by", models.CharField(max_length=40, verbose_name="taken up by")),
                        ("started_at", models.DateTimeField(null=True, verbose_name="started at")),
                        ("cancelled_at", models.DateTimeField(null=True, verbose_name="cancelled at")),
                        ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                        (
                            "account",
                            models.ForeignKey(
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="points.account",
                                verbose_name="account",
                            ),
                        ),
                        (
                            "bank_line",
                            models.ForeignKey(
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="points.bankline",
                                verbose_name="bank line",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "import of opening balances",
                        "verbose_name_plural": "imports of opening balances",
                        "db_table": "points_opening",
                    },
                ),
            ],
        )
    ]
