"""Check every law of the book: a table, and exit code 1 on any difference."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand

from points import verify


class Command(BaseCommand):
    help = "Check every law of the book over its whole history."

    def handle(self, *args: Any, **options: Any) -> None:
        width = max(map(len, verify.names()))
        differences = 0
        self.stdout.write(f"{'law':{width}} {'rows':>12} {'differences':>12} {'seconds':>8}")
        started = time.perf_counter()
        for check in verify.run():
            took, started = time.perf_counter() - started, time.perf_counter()
            self.stdout.write(f"{check.name:{width}} {check.rows:>12,} {check.differences:>12,} {took:>8.1f}")
            self.stdout.flush()
            differences += check.differences
        self.stdout.write("the book is in order" if not differences else f"{differences:,} differences")
        if differences:
            sys.exit(1)
