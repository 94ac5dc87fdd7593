"""A payout run in which nobody could be paid has an end of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("merchants", "0007_offline")]

    operations = [
        migrations.AlterField(
            model_name="payoutrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("proposed", "Waiting for the second person"),
                    ("approved", "Approved"),
                    ("refused", "Refused"),
                    ("filed", "Handed to the bank"),
                    ("empty", "Nobody could be paid"),
                ],
                default="proposed",
                max_length=8,
                verbose_name="state",
            ),
        ),
    ]
