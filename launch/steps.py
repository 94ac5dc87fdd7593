"""Run several management commands in one Django, which takes seconds to load; runs inside .venv.

Each argument is one command with its words, such as "town --scale small".
"""

import sys

import django
from django.core.management import CommandError, call_command, get_commands
from django.core.management.base import SystemCheckError


def main(lines: list[str]) -> int:
    django.setup()
    for line in lines:
        name, *words = line.split()
        if name not in get_commands():
            continue
        try:
            call_command(name, *words)
        except (CommandError, SystemCheckError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
