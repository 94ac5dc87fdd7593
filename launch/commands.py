"""The commands of `./run`, by name."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from launch import checks, packages
from launch.say import Refused

HELP = """\
./run                      set everything up, serve, print READY and the demo logins; Ctrl-C stops all
./run test [pytest words]  all tests on a throw-away database (PG_BIN chooses the PostgreSQL)
./run lock                 write requirements*.txt again from pyproject.toml
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
    "test": checks.test,
    "lock": _lock,
}
