"""The daily proof of what is owed: its tables are written in SQL (points/sql/proof.sql), like the book's others."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("points", "0002_newest_and_rollup")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL((SQL / "proof.sql").read_text(encoding="utf-8"))],
            state_operations=[
                migrations.CreateModel(
                    name="Proof",
                    fields=[
                        ("taken_on", models.DateField(primary_key=True, serialize=False, verbose_name="day")),
                        ("taken_at", models.DateTimeField(verbose_name="taken at")),
                        ("root", models.BinaryField(max_length=32)),
                        ("total_points", models.BigIntegerField(verbose_name="points")),
                        ("wallets", models.BigIntegerField(verbose_name="wallets")),
                        ("custody_fen", models.BigIntegerField(verbose_name="custody")),
                        ("figures", models.TextField()),
                        ("bank_on", models.DateField(null=True, verbose_name="newest bank line of")),
                        ("secret", models.BinaryField(max_length=32)),
                        ("chain", models.BinaryField(max_length=32)),
                    ],
                    options={
                        "verbose_name": "proof of reserves",
                        "verbose_name_plural": "proofs of reserves",
                        "db_table": "points_proof",
                    },
                ),
                migrations.CreateModel(
                    name="ProofBucket",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "taken_on", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("taken_on", models.DateField()),
                        ("bucket", models.SmallIntegerField()),
                        ("wallets", models.IntegerField()),
                        ("leaves", models.BinaryField()),
                        ("groups", models.BinaryField()),
                        ("root", models.BinaryField(max_length=32)),
                        ("total_points", models.BigIntegerField()),
                    ],
                    options={
                        "verbose_name": "bucket of a proof",
                        "verbose_name_plural": "buckets of proofs",
                        "db_table": "points_proof_bucket",
                    },
                ),
            ],
        ),
    ]
