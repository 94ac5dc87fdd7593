"""What tills did without a connection: which codes of a member were used, so that each counts once, also later."""

from pathlib import Path

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"

# A constant default: the rows are not written anew.
USED_STEPS = "ALTER TABLE points_pass ADD COLUMN used_steps bigint[] NOT NULL DEFAULT '{}'"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0022_closing_modes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(USED_STEPS, "ALTER TABLE points_pass DROP COLUMN used_steps")],
            state_operations=[
                migrations.AddField(
                    model_name="pass",
                    name="used_steps",
                    field=ArrayField(models.BigIntegerField(), default=list),
                )
            ],
        ),
        read("privileges"),
    ]
