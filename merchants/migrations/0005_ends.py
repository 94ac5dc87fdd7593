"""What finance needs at the ends of a merchant's account."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0004_refunds")]

    operations: list = []
