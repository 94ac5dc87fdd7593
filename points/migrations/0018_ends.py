"""What finance needs at the ends: sums let go, kept results, debits that are charged to whose they were."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0017_bonuses_kept")]

    operations = [
        read("kept"),
        migrations.SeparateDatabaseAndState(
            database_operations=[read("reassign")],
            state_operations=[
                migrations.AddField(
                    model_name="bankline",
                    name="reassigned_to",
                    field=models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="points.account",
                        verbose_name="charged afterwards to",
                    ),
                ),
                migrations.AddField(
                    model_name="bankline",
                    name="reassigned_at",
                    field=models.DateTimeField(null=True, verbose_name="charged afterwards at"),
                ),
                migrations.AddField(
                    model_name="bankline", name="reassign_journal_id", field=models.BigIntegerField(null=True)
                ),
            ],
        ),
        read("privileges"),
    ]
