"""Seals of the history, by day and bucket."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0012_surplus")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[read("seal"), read("privileges")],
            state_operations=[
                migrations.CreateModel(
                    name="Seal",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "sealed_on", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("sealed_on", models.DateField(verbose_name="day")),
                        ("bucket", models.SmallIntegerField()),
                        ("rows", models.BigIntegerField(verbose_name="rows")),
                        ("digest", models.BinaryField(max_length=32)),
                        ("chain", models.BinaryField(max_length=32)),
                        ("sealed_at", models.DateTimeField(verbose_name="sealed at")),
                    ],
                    options={
                        "verbose_name": "seal of a day",
                        "verbose_name_plural": "seals of days",
                        "db_table": "points_seal",
                    },
                ),
            ],
        )
    ]
