"""Read the seed files again after somebody edited them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from alliance import seeds


class Command(BaseCommand):
    help = "Write the trades, provinces, cities and exceptional working days of alliance/data/*.json into the database."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, number in seeds.read().items():
            self.stdout.write(f"{number:>6} {name}")
