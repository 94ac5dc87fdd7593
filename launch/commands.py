"""The commands of `./run`, by name."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from launch import checks, operate, packages, testing
from launch.doctor import doctor
from launch.say import Refused
from launch.serve import serve

HELP = """\
./run                        set everything up and serve; prints READY and the demo logins; Ctrl-C stops all
./run test [pytest words]    the tests, on throw-away databases, one process per core (PG_BIN chooses the PostgreSQL)
./run lint [names]           style, types, import contracts, templates, migrations, freshness of the CSS
./run e2e [pytest words]     browser journeys through a Lianhui of their own
./run town --scale small|medium
                             build or enlarge the synthetic town
./run replay complete-journey [--households N] [--from D] [--to D] [--keep-dates]
             [--settle [daily|weekly]] [--abandon]
                             feed a real grocery year through the till feed; resumable
./run feed FILE --store CODE [--articles FILE] [--catalogue NAME] [--list FILE] [--abandon]
                             book a till's file, whole or not at all; resumable, refused lines in FILE.refused.csv
./run verify                 check every law of the book and every cached figure
./run bench NAME [--quick] [--json FILE]
                             measure, on a durable database of its own
./run backup FILE            database, secrets and uploads in one file
./run restore FILE           into an empty state; verifies it afterwards
./run upgrade                after new code: packages, backup, migrations, verify
./run doctor                 is this machine fit, is this state sound?
./run reset --yes            remove the state folder and everything in it
./run manage WORDS           any of Django's commands
./run shell                  Python with the models at hand
./run css [--check]          compile the style sheet
./run lock                   write requirements*.txt again from pyproject.toml

PORT           a port of 127.0.0.1; without it the next free one from 8000
LIANHUI_STATE  where the data lives; several can run side by side
DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL
               servers of your own instead of those that come with the packages
PG_BIN         PostgreSQL programs of your own (15 to 18)
"""


def main(words: list[str]) -> int:
    """Run the command that `words` name and return its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    command, *rest = words or ["serve"]
    try:
        if command in ("help", "-h", "--help"):
            print(HELP, end="")
            return 0
        if command not in COMMANDS:
            raise Refused("command_unknown", command=command)
        return COMMANDS[command](rest)
    except Refused as refused:
        print(refused.text(), file=sys.stderr, flush=True)
        return refused.status
    except KeyboardInterrupt:
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop once; a second Ctrl-C while stopping changes nothing, the order of stopping is kept."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt


def _lock(words: list[str]) -> int:
    packages.compile_locks()
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "serve": serve,
    "test": testing.test,
    "lint": checks.lint,
    "e2e": checks.e2e,
    "css": checks.css,
    "lock": _lock,
    "town": operate.town,
    "replay": operate.replay,
    "feed": operate.feed,
    "verify": operate.verify,
    "bench": operate.bench,
    "backup": operate.backup,
    "restore": operate.restore,
    "upgrade": operate.upgrade,
    "doctor": doctor,
    "reset": operate.reset,
    "manage": operate.manage,
    "shell": operate.shell,
}
