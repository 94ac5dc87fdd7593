"""Stripes of busy floats, made and gathered by the system."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
# Whatever takes it as an argument is written again with it.
_LINE = "DROP TYPE points_line CASCADE"


def read(name):
    return migrations.RunSQL((SQL / f"{name}.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop)


class Migration(migrations.Migration):
    dependencies = [("points", "0014_backtest")]

    operations = [migrations.RunSQL(_LINE, migrations.RunSQL.noop), *(read(name) for name in ("post", "privileges"))]
