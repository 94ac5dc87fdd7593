"""Indexes for the lists of finance at full size."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("merchants", "0005_ends")]

    operations = [
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(fields=["opened_at", "id"], name="merchants_dispute_open", condition=Q(state="open")),
        ),
        migrations.AddIndex(
            model_name="payoutaccount",
            index=models.Index(
                fields=["-returned_at"], name="merchants_payoutaccount_back", condition=Q(returned_at__isnull=False)
            ),
        ),
        migrations.AddIndex(
            model_name="payoutaccount",
            index=models.Index(
                fields=["valid_from"], name="merchants_payoutaccount_from", condition=Q(state="current")
            ),
        ),
        migrations.AddIndex(
            model_name="topup",
            index=models.Index(fields=["amount_fen"], name="merchants_topup_announced", condition=Q(state="announced")),
        ),
    ]
