"""`./run replay complete-journey`: a real year of a grocer's tills through the till feed."""

import unicodedata
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from alliance.refusals import Refused
from town.replay import checking
from town.replay.options import Options
from town.replay.run import WORKERS, Report, abandon, replay
from town.screen import Screen, as_owner, without_waiting


class Command(BaseCommand):
    help = "Feeds real data through the till feed; may be killed and started again."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=["complete-journey"])
        parser.add_argument("--households", type=_count, help="only the first N households")
        parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day of the source, 2017-01-01")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day of the source, 2017-12-31")
        parser.add_argument("--keep-dates", action="store_true", help="leave the year 2017 where it was")
        parser.add_argument(
            "--settle",
            nargs="?",
            choices=["daily", "weekly"],
            const="daily",
            help="with --keep-dates: spend, close, clear, pay out, expire and prove the year; clears daily or weekly",
        )
        parser.add_argument("--workers", type=_count, default=WORKERS)
        parser.add_argument("--abandon", action="store_true", help="let the unfinished run go; what it booked stays")

    def handle(self, *args: Any, **words: Any) -> None:
        as_owner()
        without_waiting()
        options = Options(words["households"], words["first"], words["last"], words["keep_dates"], words["settle"])
        if options.settle and not options.keep_dates:
            raise CommandError("--settle needs --keep-dates: points lapse two years later, and that must be over.")
        screen = Screen(self.stdout)
        if words["abandon"]:
            screen.say("The unfinished run was let go." if abandon() else "There is no unfinished run.")
            return
        try:
            report = replay(options, workers=min(words["workers"], 64), say=screen.say, live=screen.live)
        except Refused as refused:
            screen.end()
            raise CommandError(f"{refused.code}: {refused.text()}") from None
        screen.end()
        for line in table(report):
            screen.say(line)
        if not report.agrees:
            raise CommandError("The figures differ from those of the file.")
        if report.settling is not None:
            screen.say(f"Settled through {report.settling.end} in {report.settling.seconds:,.0f} s of these")
            self._check(report.settling.end, screen)

    def _check(self, last: date, screen: Screen) -> None:
        """Show the sums of the settled year, let a stranger check a member's part, and check every law of the book."""
        found = checking.figures(last)
        for line in [*months(found), *settled(found)]:
            screen.say(line)
        try:
            screen.say(checking.strangers_word())
        except checking.NotProved as error:
            raise CommandError(f"{error}") from None
        if found.faults:
            raise CommandError("The settled year does not come out: " + "; ".join(found.faults))
        call_command("verify", stdout=self.stdout)


def months(found: checking.Figures) -> list[str]:
    """Return the sums of each month as lines: Σ of all changes, and points spent against what their takers got."""
    lines = [f"{'':10}{'Σ of all changes':>18}{'spent by funder':>18}{'proceeds':>16}{'spending fees':>16}"]
    for month, sums in found.months:
        if not sums.changes:
            continue
        mark = "" if sums.is_balanced and sums.is_matched else "≠"
        lines.append(
            f"{month:%Y-%m}   {sum(sums.changes.values()):18,d}{sums.spent_points:18,d}{sums.proceeds_fen:16,d}"
            f"{sums.spending_fees_fen:16,d}  {mark}".rstrip()
        )
    return lines


def settled(found: checking.Figures) -> list[str]:
    """Return what became of the points and the money as lines."""
    rows = [
        ("days cleared", found.clearings),
        ("statements", found.statements),
        ("payouts paid", found.payouts),
        ("paid out in fen", found.paid_fen),
        ("files of the bank", found.files),
        ("points lapsed", found.lapsed),
        ("points left", found.left),
        ("on the bank account in fen", found.bank_fen),
    ]
    return [f"{name:28}{figure:14,d}" for name, figure in rows]


def table(report: Report) -> list[str]:
    """Return the figures as lines: what was posted, what was refused and why."""
    got, want = report.summary, report.expected
    rows = [
        ("baskets posted", got.baskets, want.baskets),
        ("lines posted", got.lines, want.lines),
        ("sales in fen", got.value_fen, want.value_fen),
        ("baskets refused", got.refused_baskets, want.refused_baskets),
        ("lines refused", got.refused_lines, want.refused_lines.total()),
        *((f"  {reason}", n, want.refused_lines[reason]) for reason, n in report.refused_lines.items()),
    ]
    lines = [
        f"Complete Journey, {report.first_day} to {report.last_day}, in {report.seconds:,.0f} s",
        f"{'':28}{'booked':>14}{'in the file':>14}",
    ]
    lines += [
        f"{name:28}{figure:14,d}{wanted:14,d}  {'' if figure == wanted else '≠'}" for name, figure, wanted in rows
    ]
    lines += [
        f"{'points given':28}{got.points:14,d}",
        f"{'without points (float)':28}{got.without_points:14,d}",
        f"{'known already':28}{got.repeated:14,d}",
    ]
    return [line.rstrip() for line in lines]


def _count(words: str) -> int:
    number = int(unicodedata.normalize("NFKC", words))
    if number < 1:
        raise ValueError
    return number
