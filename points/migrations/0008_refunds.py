"""Refunds in part and in full, what is due, and who should still pay back."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0007_holds")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[*map(read, ("refund", "void", "close", "privileges"))],
            state_operations=[
                migrations.AddField(
                    model_name="reversal",
                    name="kept_bill",
                    field=models.IntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="reversal",
                    name="kept_eligible",
                    field=models.IntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="reversal",
                    name="kept_spent",
                    field=models.IntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="reversal",
                    name="refunds",
                    field=models.SmallIntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="split",
                    name="short",
                    field=models.BigIntegerField(default=0),
                ),
                migrations.AddField(
                    model_name="split",
                    name="unpaid",
                    field=models.BigIntegerField(default=0),
                ),
                migrations.CreateModel(
                    name="Refund",
                    fields=[
                        ("refund_id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="refund")),
                        ("sale_id", models.BigIntegerField(verbose_name="sale")),
                        ("n", models.SmallIntegerField(verbose_name="number")),
                        ("wallet_id", models.BigIntegerField(verbose_name="wallet")),
                        ("is_late", models.BooleanField()),
                        ("is_cash_given", models.BooleanField()),
                        ("cash_fen", models.BigIntegerField(verbose_name="paid in money")),
                        ("keep_back_fen", models.BigIntegerField(verbose_name="kept back")),
                        ("claimed", models.BigIntegerField()),
                        ("from_fee", models.BigIntegerField()),
                        ("from_proceeds", models.BigIntegerField()),
                        ("from_float", models.BigIntegerField()),
                        ("advanced", models.BigIntegerField()),
                        ("promised", models.BigIntegerField()),
                        ("fee_lacking", models.BigIntegerField()),
                        ("taken", models.BigIntegerField()),
                        ("short", models.BigIntegerField()),
                        ("rest_back", models.BigIntegerField()),
                        ("rest_due", models.BigIntegerField()),
                        ("credit_charged", models.BigIntegerField()),
                        ("unpromised", models.BigIntegerField()),
                        ("unpromised_rest", models.BigIntegerField()),
                        ("lapsed", models.BigIntegerField()),
                        (
                            "float",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="float",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "refund",
                        "verbose_name_plural": "refunds",
                        "db_table": "points_refund",
                    },
                ),
                migrations.CreateModel(
                    name="Due",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("amount", models.BigIntegerField(verbose_name="amount")),
                        ("paid", models.BigIntegerField(default=0, verbose_name="paid")),
                        ("taken_on", models.DateField(null=True)),
                        ("made_at", models.DateTimeField()),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.account"
                            ),
                        ),
                        (
                            "to",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.account"
                            ),
                        ),
                        (
                            "refund",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="dues", to="points.refund"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "amount due",
                        "verbose_name_plural": "amounts due",
                        "db_table": "points_due",
                    },
                ),
                migrations.CreateModel(
                    name="Claim",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "why",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "points of a returned purchase were gone"),
                                    (2, "advanced by the buffer"),
                                    (3, "bonus of a returned purchase"),
                                    (4, "spending fee of a returned purchase"),
                                ],
                                verbose_name="why",
                            ),
                        ),
                        ("debtor_id", models.BigIntegerField(verbose_name="debtor")),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        ("repaid", models.BigIntegerField(default=0, verbose_name="paid back")),
                        ("made_at", models.DateTimeField()),
                        (
                            "creditor",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="creditor",
                            ),
                        ),
                        (
                            "refund",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="claims", to="points.refund"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "claim",
                        "verbose_name_plural": "claims",
                        "db_table": "points_claim",
                    },
                ),
                migrations.CreateModel(
                    name="RefundAward",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "refund_id",
                                "transfer_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("transfer_id", models.BigIntegerField()),
                        ("is_outside", models.BooleanField()),
                        ("is_reward", models.BooleanField()),
                        ("points", models.BigIntegerField()),
                        ("taken", models.BigIntegerField()),
                        ("charged", models.BigIntegerField()),
                        ("due", models.BigIntegerField()),
                        ("owed", models.BigIntegerField()),
                        (
                            "payer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.account"
                            ),
                        ),
                        (
                            "refund",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="awards", to="points.refund"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "bonus undone",
                        "verbose_name_plural": "bonuses undone",
                        "db_table": "points_refund_award",
                    },
                ),
                migrations.CreateModel(
                    name="ReturnDue",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("transfer_id", models.BigIntegerField()),
                        ("lapses_on", models.DateField()),
                        ("expires_on", models.DateField()),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        ("issued", models.BigIntegerField(default=0, verbose_name="issued")),
                        ("made_at", models.DateTimeField()),
                        (
                            "float",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.account"
                            ),
                        ),
                        (
                            "funder",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.account"
                            ),
                        ),
                        (
                            "refund",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="promises", to="points.refund"
                            ),
                        ),
                        (
                            "wallet",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.wallet"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "promised return",
                        "verbose_name_plural": "promised returns",
                        "db_table": "points_return_due",
                    },
                ),
            ],
        )
    ]
