"""The book. Its tables are written in SQL (points/sql): partitions, constraints that are laws, functions that post.

What follows here for Django is state only; tests/points/test_schema.py compares both.
"""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"
FILES = [
    "tables",
    "views",
    "guards",
    "partitions",
    "post",
    "void",
    "entry",
    "terms",
    "ageing",
    "rollup",
    "close",
    "privileges",
]
# The application makes later months itself, three ahead (points.tasks.partitions_ahead).
MONTHS = """
SELECT points_make_partitions((now() AT TIME ZONE 'Asia/Shanghai')::date - 31, (now() AT TIME ZONE 'Asia/Shanghai')::date + 93)
"""


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"))


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[*map(read, FILES), migrations.RunSQL(MONTHS)],
            state_operations=[
                migrations.CreateModel(
                    name="Journal",
                    fields=[
                        ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        ("booked_on", models.DateField(verbose_name="accounting day")),
                        ("event_at", models.DateTimeField(verbose_name="happened at")),
                        (
                            "kind",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "earned"),
                                    (2, "spent"),
                                    (3, "expired"),
                                    (4, "adjusted"),
                                    (5, "received"),
                                    (6, "allotted"),
                                    (7, "closed"),
                                ],
                                verbose_name="kind",
                            ),
                        ),
                        ("wallet_id", models.BigIntegerField(verbose_name="wallet")),
                        ("outlet_id", models.BigIntegerField(null=True, verbose_name="outlet")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        ("reverses_id", models.BigIntegerField(null=True, verbose_name="reverses")),
                        ("xid", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "journal",
                        "verbose_name_plural": "journals",
                        "db_table": "points_journal",
                        "managed": False,
                    },
                ),
                migrations.CreateModel(
                    name="Account",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "custody"),
                                    (2, "suspense"),
                                    (3, "float"),
                                    (4, "proceeds"),
                                    (5, "rest to be split"),
                                    (6, "spending fees held back"),
                                    (7, "service centre"),
                                    (8, "operating fee"),
                                    (9, "buffer"),
                                    (10, "breakage"),
                                    (11, "budget"),
                                    (12, "promotion credit"),
                                ],
                                verbose_name="kind",
                            ),
                        ),
                        ("owner_no", models.BigIntegerField(default=0, verbose_name="owner's number")),
                        ("title", models.CharField(blank=True, default="", max_length=120, verbose_name="title")),
                        ("balance", models.BigIntegerField(default=0, verbose_name="balance")),
                        ("closed_on", models.DateField(null=True, verbose_name="closed through")),
                        ("opened_at", models.DateTimeField(verbose_name="opened at")),
                        (
                            "centre",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="service centre",
                            ),
                        ),
                        (
                            "float",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="float",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "account",
                        "verbose_name_plural": "accounts",
                        "db_table": "points_account",
                    },
                ),
                migrations.CreateModel(
                    name="AccountDay",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "account_id",
                                "booked_on",
                                "due_on",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("account_id", models.BigIntegerField()),
                        ("booked_on", models.DateField()),
                        ("due_on", models.DateField()),
                        ("amount", models.BigIntegerField()),
                        ("n", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "day of an account",
                        "verbose_name_plural": "days of accounts",
                        "db_table": "points_account_day",
                    },
                ),
                migrations.CreateModel(
                    name="Key",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "caller_kind",
                                "caller_id",
                                "key",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("caller_kind", models.SmallIntegerField()),
                        ("caller_id", models.BigIntegerField()),
                        ("key", models.UUIDField()),
                        ("body", models.UUIDField()),
                        ("wallet_id", models.BigIntegerField()),
                        ("sale_id", models.BigIntegerField(null=True)),
                        ("booked_at", models.DateTimeField(null=True)),
                        ("balance_after", models.BigIntegerField(null=True)),
                        ("available_after", models.BigIntegerField(null=True)),
                        ("figure", models.BigIntegerField(null=True)),
                        ("points", models.IntegerField(default=0)),
                        ("spent", models.IntegerField(default=0)),
                        ("rest", models.IntegerField(default=0)),
                        ("status", models.SmallIntegerField()),
                    ],
                    options={
                        "verbose_name": "request key",
                        "verbose_name_plural": "request keys",
                        "db_table": "points_key",
                    },
                ),
                migrations.CreateModel(
                    name="Lot",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "bucket",
                                "wallet_id",
                                "matures_on",
                                "lapses_on",
                                "funder_id",
                                "expires_on",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("bucket", models.SmallIntegerField()),
                        ("wallet_id", models.BigIntegerField()),
                        ("matures_on", models.DateField(verbose_name="matures on")),
                        ("lapses_on", models.DateField(verbose_name="lapses on")),
                        ("funder_id", models.BigIntegerField(verbose_name="funder")),
                        ("expires_on", models.DateField(verbose_name="expires on")),
                        ("is_open", models.BooleanField(default=True)),
                        ("earned", models.BigIntegerField(verbose_name="earned")),
                        ("remaining", models.BigIntegerField(verbose_name="remaining")),
                    ],
                    options={
                        "verbose_name": "lot",
                        "verbose_name_plural": "lots",
                        "db_table": "points_lot",
                    },
                ),
                migrations.CreateModel(
                    name="LotUse",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "bucket",
                                "wallet_id",
                                "booked_at",
                                "transfer_id",
                                "lapses_on",
                                "funder_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("bucket", models.SmallIntegerField()),
                        ("wallet_id", models.BigIntegerField()),
                        ("booked_at", models.DateTimeField()),
                        ("transfer_id", models.BigIntegerField()),
                        ("lapses_on", models.DateField()),
                        ("funder_id", models.BigIntegerField()),
                        ("expires_on", models.DateField()),
                        ("points", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "use of a lot",
                        "verbose_name_plural": "uses of lots",
                        "db_table": "points_lot_use",
                    },
                ),
                migrations.CreateModel(
                    name="Mark",
                    fields=[
                        ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                        ("xid", models.BigIntegerField()),
                        ("moved_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name": "watermark",
                        "verbose_name_plural": "watermarks",
                        "db_table": "points_mark",
                    },
                ),
                migrations.CreateModel(
                    name="Wallet",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("balance", models.BigIntegerField(default=0, verbose_name="balance")),
                        ("pending", models.BigIntegerField(default=0, verbose_name="pending")),
                        ("held", models.BigIntegerField(default=0, verbose_name="held")),
                        ("seq", models.BigIntegerField(default=0)),
                        ("last_at", models.DateTimeField(null=True, verbose_name="last movement")),
                        ("tier", models.SmallIntegerField(default=0, verbose_name="tier")),
                        ("frozen_at", models.DateTimeField(blank=True, null=True, verbose_name="frozen at")),
                        ("opened_at", models.DateTimeField(verbose_name="opened at")),
                    ],
                    options={
                        "verbose_name": "wallet",
                        "verbose_name_plural": "wallets",
                        "db_table": "points_wallet",
                    },
                ),
                migrations.CreateModel(
                    name="Reversal",
                    fields=[
                        ("sale_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("amount", models.BigIntegerField()),
                        ("reversed", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "reversal",
                        "verbose_name_plural": "reversals",
                        "db_table": "points_reversal",
                    },
                ),
                migrations.CreateModel(
                    name="Sale",
                    fields=[
                        ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("outlet_id", models.BigIntegerField(verbose_name="outlet")),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        ("wallet_id", models.BigIntegerField(verbose_name="wallet")),
                        ("float_id", models.BigIntegerField(verbose_name="float")),
                        ("terms_id", models.BigIntegerField(verbose_name="terms")),
                        ("reverses_id", models.BigIntegerField(null=True, verbose_name="reverses")),
                        ("event_at", models.DateTimeField(verbose_name="happened at")),
                        ("booked_on", models.DateField(verbose_name="accounting day")),
                        ("bill_fen", models.IntegerField(verbose_name="bill")),
                        ("paid_fen", models.IntegerField(verbose_name="paid in money")),
                        ("eligible_fen", models.IntegerField(verbose_name="eligible for points")),
                        ("rebate_fen", models.IntegerField(verbose_name="rebate")),
                        ("points", models.IntegerField(verbose_name="points earned")),
                        ("rest", models.IntegerField(verbose_name="rest of the rebate")),
                        ("spent_points", models.IntegerField(verbose_name="points spent")),
                        ("spend_fee", models.IntegerField(verbose_name="spending fee")),
                        ("rate_bps", models.IntegerField(verbose_name="rate")),
                        ("member_bps", models.IntegerField(verbose_name="member's share")),
                        ("spend_fee_bps", models.IntegerField(verbose_name="spending fee rate")),
                        ("kind", models.SmallIntegerField(choices=[(1, "sale"), (2, "void")], verbose_name="kind")),
                        (
                            "reason",
                            models.SmallIntegerField(
                                choices=[(0, "as agreed"), (1, "without points: the float was too small")],
                                verbose_name="reason",
                            ),
                        ),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        ("reference", models.CharField(max_length=64, verbose_name="reference")),
                    ],
                    options={
                        "verbose_name": "sale",
                        "verbose_name_plural": "sales",
                        "db_table": "points_sale",
                    },
                ),
                migrations.CreateModel(
                    name="Transfer",
                    fields=[
                        ("id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                        ("bucket", models.SmallIntegerField()),
                        ("wallet_id", models.BigIntegerField(verbose_name="wallet")),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        ("seq", models.BigIntegerField(verbose_name="place in the wallet")),
                        ("journal_id", models.BigIntegerField(verbose_name="journal")),
                        (
                            "kind",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "earned"),
                                    (2, "spent"),
                                    (3, "expired"),
                                    (4, "adjusted"),
                                    (5, "received"),
                                    (6, "allotted"),
                                    (7, "closed"),
                                ],
                                verbose_name="kind",
                            ),
                        ),
                        ("event_at", models.DateTimeField(verbose_name="happened at")),
                        ("booked_on", models.DateField(verbose_name="accounting day")),
                        ("outlet_id", models.BigIntegerField(null=True, verbose_name="outlet")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        ("debit_id", models.BigIntegerField(verbose_name="debit")),
                        ("credit_id", models.BigIntegerField(verbose_name="credit")),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        ("rest_id", models.BigIntegerField(null=True, verbose_name="rest account")),
                        ("rest", models.BigIntegerField(default=0, verbose_name="rest")),
                        ("matures_on", models.DateField(null=True, verbose_name="matures on")),
                        ("expires_on", models.DateField(null=True, verbose_name="expires on")),
                        ("due_on", models.DateField(null=True, verbose_name="released on")),
                        ("balance_after", models.BigIntegerField(null=True, verbose_name="balance after")),
                        ("reverses_id", models.BigIntegerField(null=True, verbose_name="reverses")),
                        ("xid", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "transfer",
                        "verbose_name_plural": "transfers",
                        "db_table": "points_transfer",
                    },
                ),
                migrations.CreateModel(
                    name="Split",
                    fields=[
                        (
                            "account",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="+",
                                serialize=False,
                                to="points.account",
                            ),
                        ),
                        ("total", models.BigIntegerField(default=0)),
                        ("fee", models.BigIntegerField(default=0)),
                        ("centre", models.BigIntegerField(default=0)),
                        ("promo", models.BigIntegerField(default=0)),
                        ("buffer", models.BigIntegerField(default=0)),
                        ("closed_on", models.DateField()),
                    ],
                    options={
                        "verbose_name": "split",
                        "verbose_name_plural": "splits",
                        "db_table": "points_split",
                    },
                ),
                migrations.CreateModel(
                    name="BankLine",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("bank", models.CharField(max_length=40, verbose_name="bank")),
                        ("account", models.CharField(max_length=40, verbose_name="account")),
                        ("serial", models.CharField(max_length=80, verbose_name="serial number")),
                        ("amount_fen", models.BigIntegerField(verbose_name="amount")),
                        ("value_on", models.DateField(verbose_name="value date")),
                        ("payer", models.CharField(blank=True, default="", max_length=120, verbose_name="payer")),
                        ("memo", models.CharField(blank=True, default="", max_length=200, verbose_name="memo")),
                        ("received_at", models.DateTimeField(verbose_name="received at")),
                        ("journal_id", models.BigIntegerField(verbose_name="journal")),
                        ("allotted_at", models.DateTimeField(null=True, verbose_name="allotted at")),
                        ("allot_journal_id", models.BigIntegerField(null=True)),
                        (
                            "allotted_to",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="allotted to",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "bank line",
                        "verbose_name_plural": "bank lines",
                        "db_table": "points_bank_line",
                    },
                ),
                migrations.CreateModel(
                    name="Pass",
                    fields=[
                        (
                            "wallet",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="code_pass",
                                serialize=False,
                                to="points.wallet",
                            ),
                        ),
                        ("code_number", models.IntegerField(unique=True)),
                        ("code_secret", models.BinaryField()),
                        ("code_step", models.BigIntegerField(default=0)),
                        ("pin_hash", models.CharField(blank=True, default="", max_length=128)),
                        ("pin_tries", models.SmallIntegerField(default=0)),
                        ("pin_locked_until", models.DateTimeField(null=True)),
                    ],
                    options={
                        "verbose_name": "pass",
                        "verbose_name_plural": "passes",
                        "db_table": "points_pass",
                    },
                ),
                migrations.CreateModel(
                    name="Handle",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[("phone", "phone"), ("number", "member number"), ("card", "card")],
                                max_length=10,
                            ),
                        ),
                        ("digest", models.BinaryField()),
                        ("starts_at", models.DateTimeField()),
                        ("ends_at", models.DateTimeField(null=True)),
                        (
                            "wallet",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="handles", to="points.wallet"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "handle",
                        "verbose_name_plural": "handles",
                        "db_table": "points_handle",
                    },
                ),
                migrations.CreateModel(
                    name="Terms",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("version", models.IntegerField(verbose_name="version")),
                        ("rate_bps", models.IntegerField(verbose_name="rate")),
                        ("member_bps", models.IntegerField(verbose_name="member's share")),
                        ("fee_bps", models.IntegerField(verbose_name="fee share")),
                        ("centre_bps", models.IntegerField(verbose_name="centre's share")),
                        ("promo_bps", models.IntegerField(verbose_name="promotion share")),
                        ("spend_fee_bps", models.IntegerField(verbose_name="spending fee")),
                        ("spend_share_bps", models.IntegerField(verbose_name="largest share of a bill in points")),
                        ("matures_days", models.SmallIntegerField(verbose_name="days until points mature")),
                        ("holdback_days", models.SmallIntegerField(verbose_name="days of hold-back")),
                        ("valid_from", models.DateTimeField(verbose_name="valid from")),
                        ("valid_to", models.DateTimeField(null=True, verbose_name="valid to")),
                        (
                            "fee_rest",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="spending fees held back",
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
                        (
                            "proceeds",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="proceeds",
                            ),
                        ),
                        (
                            "promo",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="promotion credit",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "terms",
                        "verbose_name_plural": "terms",
                        "db_table": "points_terms",
                    },
                ),
                migrations.AddField(
                    model_name="account",
                    name="terms",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="points.terms",
                        verbose_name="terms",
                    ),
                ),
            ],
        ),
    ]
