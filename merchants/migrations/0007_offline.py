"""Last syncs of devices, and points taken offline."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0006_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="SyncMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("caller_kind", models.SmallIntegerField(verbose_name="kind of caller")),
                ("caller_id", models.BigIntegerField(verbose_name="caller")),
                ("device", models.CharField(max_length=80, verbose_name="device")),
                ("synced_at", models.DateTimeField(db_index=True, verbose_name="synced at")),
            ],
            options={
                "verbose_name": "last sync of a device",
                "verbose_name_plural": "last syncs of devices",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caller_kind", "caller_id", "device"), name="merchants_syncmark_device"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OfflineSpend",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("caller_kind", models.SmallIntegerField(verbose_name="kind of caller")),
                ("caller_id", models.BigIntegerField(verbose_name="caller")),
                ("key", models.UUIDField(verbose_name="request key")),
                ("wallet_id", models.BigIntegerField(verbose_name="wallet")),
                ("taken_on", models.DateField(verbose_name="day")),
                ("taken_at", models.DateTimeField(verbose_name="taken at")),
                ("arrived_at", models.DateTimeField(verbose_name="arrived at")),
                ("bill_fen", models.BigIntegerField(verbose_name="bill (fen)")),
                ("points", models.BigIntegerField(verbose_name="points")),
                ("reference", models.CharField(blank=True, max_length=64, verbose_name="reference")),
                (
                    "state",
                    models.CharField(
                        choices=[("covered", "Covered"), ("not_covered", "Not covered")],
                        default="covered",
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                ("sale_id", models.BigIntegerField(null=True, verbose_name="sale")),
                (
                    "outlet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.outlet",
                        verbose_name="outlet",
                    ),
                ),
            ],
            options={
                "verbose_name": "points taken offline",
                "verbose_name_plural": "points taken offline",
                "indexes": [
                    models.Index(fields=["wallet_id", "taken_on"], name="merchants_offlinespend_day"),
                    models.Index(
                        condition=models.Q(("state", "not_covered")),
                        fields=["outlet", "-taken_at", "-id"],
                        name="merchants_offlinespend_open",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caller_kind", "caller_id", "key"), name="merchants_offlinespend_key"
                    ),
                    models.CheckConstraint(condition=models.Q(("points__gt", 0)), name="merchants_offlinespend_points"),
                ],
            },
        ),
    ]
