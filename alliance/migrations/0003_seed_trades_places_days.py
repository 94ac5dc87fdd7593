"""The 28 trades, the provinces and cities of China, and the exceptional working days (alliance/data/*.json)."""

from django.db import migrations

from alliance import seeds


class Migration(migrations.Migration):
    dependencies = [("alliance", "0002_diary_is_append_only")]

    operations = [migrations.RunPython(seeds.from_migration, migrations.RunPython.noop)]
