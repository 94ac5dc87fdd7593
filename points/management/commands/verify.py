"""Check every law of the book: a table, and exit code 1 on any difference."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from points import sealing, verify


class Command(BaseCommand):
    help = "Check every law of the book over its whole history."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--seals", action="store_true", help="Read every sealed day again, not only the newest three."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        width = max(map(len, verify.names()))
        differences = 0
        self.stdout.write(f"{'law':{width}} {'rows':>12} {'differences':>12} {'seconds':>8}")
        started = time.perf_counter()
        for check in verify.run(all_seals=options["seals"]):
            took, started = time.perf_counter() - started, time.perf_counter()
            self.stdout.write(f"{check.name:{width}} {check.rows:>12,} {check.differences:>12,} {took:>8.1f}")
            self.stdout.flush()
            differences += check.differences
            if check.name == verify.SEALED and check.differences:
                for _rows, found in sealing.broken(sealing.days(options["seals"])):
                    self.stdout.write("".join(f"  {each}\n" for each in found), ending="")
        self.stdout.write("the book is in order" if not differences else f"{differences:,} differences")
        if differences:
            sys.exit(1)
