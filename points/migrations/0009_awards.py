"""Bonuses of rules, with their payers, counters and traces."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


def together(*names):
    return (
        "pk",
        models.CompositePrimaryKey(*names, blank=True, editable=False, primary_key=True, serialize=False),
    )


def number(name, said, **more):
    return (name, models.BigIntegerField(verbose_name=said, **more))


class Migration(migrations.Migration):
    dependencies = [("points", "0008_refunds")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("award"), read("privileges")],
            state_operations=[
                migrations.CreateModel(
                    name="Award",
                    fields=[
                        together("sale_id", "version_id", "journal_id"),
                        number("sale_id", "sale"),
                        number("version_id", "rule version"),
                        number("journal_id", "journal"),
                        number("rule_id", "rule"),
                        number("wallet_id", "wallet"),
                        number("payer_id", "paid by"),
                        number("transfer_id", "transfer", null=True),
                        ("on_day", models.DateField(verbose_name="day of the sale")),
                        number("points", "points"),
                        ("stamps", models.IntegerField(verbose_name="stamps")),
                        ("is_outside", models.BooleanField(verbose_name="paid by others")),
                        ("is_loss", models.BooleanField(verbose_name="out of a loss budget")),
                        ("is_saved", models.BooleanField(verbose_name="may draw on saved credit")),
                        ("is_pending", models.BooleanField(verbose_name="pending")),
                    ],
                    options={"verbose_name": "bonus", "verbose_name_plural": "bonuses", "db_table": "points_award"},
                ),
                migrations.CreateModel(
                    name="AwardUsed",
                    fields=[
                        together("rule_id", "wallet_id", "on_day"),
                        number("rule_id", "rule"),
                        number("wallet_id", "wallet"),
                        ("on_day", models.DateField(verbose_name="day")),
                        number("points", "points", default=0),
                        number("stamps", "stamps", default=0),
                    ],
                    options={
                        "verbose_name": "sum of bonuses",
                        "verbose_name_plural": "sums of bonuses",
                        "db_table": "points_award_used",
                    },
                ),
                migrations.CreateModel(
                    name="Trace",
                    fields=[
                        ("sale_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        number("wallet_id", "wallet"),
                        ("steps", models.JSONField(verbose_name="steps")),
                        ("facts", models.JSONField(verbose_name="facts")),
                    ],
                    options={
                        "verbose_name": "reckoning of bonuses",
                        "verbose_name_plural": "reckonings of bonuses",
                        "db_table": "points_trace",
                    },
                ),
                migrations.CreateModel(
                    name="Visit",
                    fields=[
                        together("float_id", "wallet_id"),
                        number("float_id", "float"),
                        number("wallet_id", "wallet"),
                        number("sale_id", "sale"),
                    ],
                    options={
                        "verbose_name": "first visit",
                        "verbose_name_plural": "first visits",
                        "db_table": "points_visit",
                    },
                ),
            ],
        )
    ]
