"""Clearing: statements, payouts, retained amounts, bank lines both ways."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0010_promises")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("clear"), read("privileges")],
            state_operations=[
                migrations.CreateModel(
                    name="BankStatement",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("bank", models.CharField(max_length=40, verbose_name="bank")),
                        ("account", models.CharField(max_length=40, verbose_name="account")),
                        ("from_on", models.DateField(verbose_name="from")),
                        ("to_on", models.DateField(verbose_name="to")),
                        ("opening_fen", models.BigIntegerField(verbose_name="opening balance")),
                        ("closing_fen", models.BigIntegerField(verbose_name="closing balance")),
                        ("lines", models.IntegerField(verbose_name="lines")),
                        ("digest", models.BinaryField(verbose_name="SHA-256 of the file")),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                    ],
                    options={
                        "verbose_name": "bank statement",
                        "verbose_name_plural": "bank statements",
                        "db_table": "points_bank_statement",
                    },
                ),
                migrations.CreateModel(
                    name="Clearing",
                    fields=[
                        (
                            "cleared_on",
                            models.DateField(primary_key=True, serialize=False, verbose_name="clearing day"),
                        ),
                        ("started_at", models.DateTimeField(verbose_name="started at")),
                        ("finished_at", models.DateTimeField(null=True, verbose_name="finished at")),
                        ("minimum_fen", models.BigIntegerField(verbose_name="smallest payout")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                    ],
                    options={
                        "verbose_name": "clearing",
                        "verbose_name_plural": "clearings",
                        "db_table": "points_clearing",
                    },
                ),
                migrations.CreateModel(
                    name="Standing",
                    fields=[
                        (
                            "float",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="+",
                                serialize=False,
                                to="points.account",
                            ),
                        ),
                        ("standing_fen", models.BigIntegerField(default=0, verbose_name="the float is filled up to")),
                        ("is_leaving", models.BooleanField(default=False, verbose_name="leaves")),
                    ],
                    options={
                        "verbose_name": "clearing instruction",
                        "verbose_name_plural": "clearing instructions",
                        "db_table": "points_standing",
                    },
                ),
                migrations.AddField(
                    model_name="bankline",
                    name="statement",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="booked",
                        to="points.bankstatement",
                        verbose_name="bank statement",
                    ),
                ),
                migrations.CreateModel(
                    name="Payout",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("amount_fen", models.BigIntegerField(verbose_name="amount")),
                        (
                            "state",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "proposed"),
                                    (2, "approved"),
                                    (3, "handed to the bank"),
                                    (4, "paid"),
                                    (5, "returned by the bank"),
                                    (6, "stopped"),
                                ],
                                default=1,
                                verbose_name="state",
                            ),
                        ),
                        ("run_no", models.BigIntegerField(null=True, verbose_name="payout run")),
                        ("opened_at", models.DateTimeField(verbose_name="proposed at")),
                        ("journal_id", models.BigIntegerField(verbose_name="journal")),
                        ("ended_at", models.DateTimeField(null=True, verbose_name="paid or stopped at")),
                        ("end_journal_id", models.BigIntegerField(null=True)),
                        ("returned_at", models.DateTimeField(null=True, verbose_name="returned at")),
                        ("return_journal_id", models.BigIntegerField(null=True)),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="in payout",
                            ),
                        ),
                        (
                            "source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="whose money",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "payout",
                        "verbose_name_plural": "payouts",
                        "db_table": "points_payout",
                    },
                ),
                migrations.AddField(
                    model_name="bankline",
                    name="payout",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="points.payout",
                        verbose_name="payout",
                    ),
                ),
                migrations.CreateModel(
                    name="Retention",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("wanted_fen", models.BigIntegerField(verbose_name="contested amount")),
                        ("held_fen", models.BigIntegerField(verbose_name="set apart so far")),
                        ("opened_at", models.DateTimeField(verbose_name="opened at")),
                        ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                        ("decide_journal_id", models.BigIntegerField(null=True)),
                        (
                            "decided_to",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="goes to",
                            ),
                        ),
                        (
                            "source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="whose money",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "retained amount",
                        "verbose_name_plural": "retained amounts",
                        "db_table": "points_retention",
                    },
                ),
                migrations.CreateModel(
                    name="Movement",
                    fields=[
                        ("journal_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "set apart for a dispute"),
                                    (2, "given back from a dispute"),
                                    (3, "payout stopped"),
                                    (4, "payout returned by the bank"),
                                    (5, "from the float, on leaving"),
                                ],
                                verbose_name="kind",
                            ),
                        ),
                        ("amount_fen", models.BigIntegerField(verbose_name="amount")),
                        ("booked_on", models.DateField(verbose_name="accounting day")),
                        ("xid", models.BigIntegerField()),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="account",
                            ),
                        ),
                        (
                            "payout",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="movements",
                                to="points.payout",
                            ),
                        ),
                        (
                            "retention",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="movements",
                                to="points.retention",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "movement between two clearings",
                        "verbose_name_plural": "movements between two clearings",
                        "db_table": "points_movement",
                    },
                ),
                migrations.CreateModel(
                    name="Statement",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("since_on", models.DateField(null=True, verbose_name="statement before")),
                        ("opening_fen", models.BigIntegerField(verbose_name="opening balance")),
                        ("proceeds_fen", models.BigIntegerField(verbose_name="points taken, less fees and refunds")),
                        ("returned_fen", models.BigIntegerField(verbose_name="payouts that came back")),
                        ("retained_fen", models.BigIntegerField(verbose_name="set apart for disputes")),
                        ("claims_fen", models.BigIntegerField(default=0, verbose_name="advances and claims repaid")),
                        ("bills_fen", models.BigIntegerField(default=0, verbose_name="bills paid")),
                        (
                            "standing_fen",
                            models.BigIntegerField(default=0, verbose_name="standing top-up of the float"),
                        ),
                        ("paid_fen", models.BigIntegerField(default=0, verbose_name="to be paid out")),
                        ("closing_fen", models.BigIntegerField(verbose_name="closing balance")),
                        ("free_fen", models.BigIntegerField(verbose_name="free at that moment")),
                        ("journal_id", models.BigIntegerField(verbose_name="journal")),
                        ("mark", models.BigIntegerField()),
                        ("xid", models.BigIntegerField()),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        (
                            "account",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="account",
                            ),
                        ),
                        (
                            "clearing",
                            models.ForeignKey(
                                db_column="cleared_on",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="statements",
                                to="points.clearing",
                                verbose_name="clearing day",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "statement",
                        "verbose_name_plural": "statements",
                        "db_table": "points_statement",
                    },
                ),
                migrations.AddField(
                    model_name="payout",
                    name="statement",
                    field=models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payout",
                        to="points.statement",
                        verbose_name="statement",
                    ),
                ),
            ],
        )
    ]
