"""Rewards for what is not a sale: inviting, reviews, missions; and what a till did offline."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0015_stripes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("reward"), read("privileges")],
            state_operations=[
                migrations.CreateModel(
                    name="Referral",
                    fields=[
                        (
                            "invitee_id",
                            models.BigIntegerField(primary_key=True, serialize=False, verbose_name="invited wallet"),
                        ),
                        ("inviter_id", models.BigIntegerField(verbose_name="inviting wallet")),
                        ("invited_at", models.DateTimeField(verbose_name="invited at")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                    ],
                    options={
                        "verbose_name": "invitation",
                        "verbose_name_plural": "invitations",
                        "db_table": "points_referral",
                    },
                ),
                migrations.AddField(
                    model_name="claim",
                    name="reward_id",
                    field=models.BigIntegerField(null=True, verbose_name="reward"),
                ),
                migrations.AlterField(
                    model_name="claim",
                    name="refund",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claims",
                        to="points.refund",
                    ),
                ),
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
                        ],
                        verbose_name="why",
                    ),
                ),
                migrations.AlterField(
                    model_name="transfer",
                    name="kind",
                    field=models.SmallIntegerField(
                        choices=[
                            (1, "earned"),
                            (2, "spent"),
                            (3, "expired"),
                            (4, "adjusted"),
                            (5, "received"),
                            (6, "allotted"),
                            (7, "closed"),
                            (8, "bonus"),
                            (9, "charged to the merchant"),
                            (10, "advanced by the buffer"),
                            (11, "cleared"),
                            (12, "paid out"),
                            (13, "retained"),
                            (14, "surplus shared"),
                            (15, "issued when paid"),
                            (16, "opening balance"),
                            (17, "wound up"),
                            (18, "paid back"),
                            (19, "fee withdrawn"),
                            (20, "returned by the bank"),
                            (21, "reward"),
                        ],
                        verbose_name="kind",
                    ),
                ),
                migrations.CreateModel(
                    name="Reward",
                    fields=[
                        ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.SmallIntegerField(
                                choices=[(1, "referral"), (2, "review"), (3, "mission")], verbose_name="kind"
                            ),
                        ),
                        ("subject", models.CharField(max_length=80, verbose_name="subject")),
                        ("member_id", models.BigIntegerField(verbose_name="wallet")),
                        ("inviter_id", models.BigIntegerField(null=True, verbose_name="inviting wallet")),
                        ("is_outside", models.BooleanField(verbose_name="paid by others")),
                        ("points", models.BigIntegerField(verbose_name="points")),
                        ("inviter_points", models.BigIntegerField(verbose_name="points of the inviter")),
                        ("inviter_transfer_id", models.BigIntegerField(null=True)),
                        ("on_day", models.DateField(verbose_name="day")),
                        ("booked_at", models.DateTimeField(verbose_name="booked at")),
                        ("actor", models.CharField(max_length=40, verbose_name="actor")),
                        (
                            "payer",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.account",
                                verbose_name="paid by",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "reward",
                        "verbose_name_plural": "rewards",
                        "db_table": "points_reward",
                    },
                ),
                migrations.CreateModel(
                    name="RewardBack",
                    fields=[
                        ("transfer_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("wallet_id", models.BigIntegerField()),
                        ("points", models.BigIntegerField()),
                        ("taken", models.BigIntegerField()),
                        ("charged", models.BigIntegerField()),
                        ("owed", models.BigIntegerField()),
                        ("red_id", models.BigIntegerField(null=True)),
                        ("charge_id", models.BigIntegerField(null=True)),
                        ("booked_at", models.DateTimeField()),
                        ("actor", models.CharField(max_length=40)),
                        (
                            "refund",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="points.refund",
                            ),
                        ),
                        (
                            "reward",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="backs", to="points.reward"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "reward taken back",
                        "verbose_name_plural": "rewards taken back",
                        "db_table": "points_reward_back",
                    },
                ),
            ],
        )
    ]
