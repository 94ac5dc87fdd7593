"""Opening balances from a file: a dry run, and taking it up. Money and approval follow in the console."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.refusals import Refused
from points import opening

MOST_SHOWN = 100


class Command(BaseCommand):
    help = "Read opening balances (CSV: member,points,expires_on); say what they need and which lines are wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--take-up", metavar="TITLE", help="Take the file up if no line is wrong. No points move.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(str(error)) from None
        found = opening.dry_run(content, at=timezone.now())
        self.stdout.write(f"{found.lines:,} lines, {found.members:,} members, {found.points:,} points")
        self.stdout.write(f"needs a bank line of ¥{yuan(found.points)}")
        for wrong in found.errors[:MOST_SHOWN]:
            self.stdout.write(f"line {wrong.no}: {wrong.code} {wrong.text}")
        if len(found.errors) > MOST_SHOWN:
            self.stdout.write(f"… and {len(found.errors) - MOST_SHOWN:,} more")
        if options["take_up"]:
            try:
                made = opening.stage(
                    title=options["take_up"], content=content, actor=Actor.system("operator"), at=timezone.now()
                )
            except Refused as refused:
                raise CommandError(f"{refused.code}: {refused.text()}") from None
            self.stdout.write(f"taken up as number {made.pk}")
        if found.errors:
            sys.exit(1)
