"""Postpaid merchants: credit lines, promised points, bills."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"
# Whatever takes the lines of a batch as an argument is written again with the posting functions.
_LINE = "DROP TYPE points_line CASCADE"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0009_awards")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(_LINE, migrations.RunSQL.noop),
                *map(read, ("post", "promise", "privileges")),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="CreditLine",
                    fields=[
                        (
                            "float",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="+",
                                serialize=False,
                                to="points.account",
                                verbose_name="float",
                            ),
                        ),
                        ("limit_fen", models.BigIntegerField(verbose_name="limit")),
                        ("owed_fen", models.BigIntegerField(default=0, verbose_name="owed")),
                        (
                            "period",
                            models.SmallIntegerField(choices=[(1, "weekly"), (2, "monthly")], verbose_name="bills"),
                        ),
                        ("due_days", models.SmallIntegerField(verbose_name="days to pay")),
                        ("drop_days", models.SmallIntegerField(verbose_name="days after which promises are dropped")),
                        (
                            "state",
                            models.SmallIntegerField(
                                choices=[(1, "open"), (2, "stopped: in advance again")], verbose_name="state"
                            ),
                        ),
                        ("opened_at", models.DateTimeField(verbose_name="opened at")),
                        ("changed_at", models.DateTimeField(verbose_name="changed at")),
                    ],
                    options={
                        "verbose_name": "credit line",
                        "verbose_name_plural": "credit lines",
                        "db_table": "points_credit_line",
                    },
                ),
                migrations.CreateModel(
                    name="MerchantBill",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("from_on", models.DateField(verbose_name="from")),
                        ("until_on", models.DateField(verbose_name="until")),
                        ("due_on", models.DateField(verbose_name="due on")),
                        ("drop_on", models.DateField(verbose_name="promises are kept until")),
                        ("drawn_at", models.DateTimeField(verbose_name="drawn at")),
                        ("sales", models.IntegerField(verbose_name="sales")),
                        ("amount_fen", models.BigIntegerField(verbose_name="amount")),
                        ("open_fen", models.BigIntegerField(verbose_name="open")),
                        ("paid_fen", models.BigIntegerField(default=0, verbose_name="paid")),
                        ("dropped_fen", models.BigIntegerField(default=0, verbose_name="dropped")),
                        ("undone_fen", models.BigIntegerField(default=0, verbose_name="undone")),
                        (
                            "float",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="bills",
                                to="points.creditline",
                                verbose_name="credit line",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "merchant’s bill",
                        "verbose_name_plural": "merchants’ bills",
                        "db_table": "points_bill",
                    },
                ),
                migrations.CreateModel(
                    name="Promise",
                    fields=[
                        ("sale_id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="sale")),
                        ("outlet_id", models.BigIntegerField(verbose_name="outlet")),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        ("booked_on", models.DateField(verbose_name="accounting day")),
                        ("matures_on", models.DateField(verbose_name="matures on")),
                        ("expires_on", models.DateField(verbose_name="expires on")),
                        ("points", models.IntegerField(verbose_name="points")),
                        ("rest", models.IntegerField(verbose_name="rest")),
                        ("owed_after", models.BigIntegerField(verbose_name="owed after it")),
                        ("limit_fen", models.BigIntegerField(verbose_name="limit at that time")),
                        (
                            "state",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "promised"),
                                    (2, "issued"),
                                    (3, "dropped: the merchant did not pay"),
                                    (4, "undone with its sale"),
                                ],
                                verbose_name="state",
                            ),
                        ),
                        ("settled_at", models.DateTimeField(null=True, verbose_name="settled at")),
                        ("issue_id", models.BigIntegerField(null=True, verbose_name="issued by")),
                        (
                            "bill",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promises",
                                to="points.merchantbill",
                                verbose_name="bill",
                            ),
                        ),
                        (
                            "float",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promises",
                                to="points.creditline",
                                verbose_name="credit line",
                            ),
                        ),
                        (
                            "rest_account",
                            models.ForeignKey(
                                db_column="rest_id",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="rest account",
                            ),
                        ),
                        (
                            "terms",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.terms",
                                verbose_name="terms",
                            ),
                        ),
                        (
                            "wallet",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.wallet",
                                verbose_name="wallet",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "promise",
                        "verbose_name_plural": "promises",
                        "db_table": "points_promise",
                    },
                ),
            ],
        )
    ]
