"""Django's commands as children: which exist, as whom they run, and the ones that a start needs."""

import contextlib
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping

from launch import packages, process
from launch.home import State
from launch.packages import ROOT
from launch.say import Refused, step

# These change structure or stand above the application's rights; everything else runs as the application.
OWNERS_COMMANDS = {"migrate", "grants", "town", "replay", "verify", "flush", "sqlflush", "dbshell", "makemigrations"}

# Other people's files that no page of ours asks for, large and slow to compress.
UNUSED_STATIC = ("redoc", "swagger-ui-es-*", "rest_framework")

UP_TO_DATE = ("migrate --verbosity 0", "grants")


def command(*words: str) -> list[str]:
    return [str(packages.PYTHON), str(ROOT / "manage.py"), *words]


def has(name: str) -> bool:
    """Tell whether the project offers the management command, without starting Django."""
    return any(ROOT.glob(f"*/management/commands/{name}.py"))


def run(env: Mapping[str, str], *words: str) -> int:
    """Run one management command as the role that it needs."""
    role = {"LIANHUI_DB_ROLE": "owner"} if words and words[0] in OWNERS_COMMANDS else {}
    return subprocess.run(command(*words), env={**env, **role}, check=False).returncode


def run_as_owner(env: Mapping[str, str], *lines: str) -> int:
    """Run several commands in one process, as the owner; those that do not exist are left out.

    What they print goes to the error stream: `./run` itself answers with READY and the logins.
    """
    settings = {"LIANHUI_DB_ROLE": "owner", "DJANGO_SETTINGS_MODULE": "alliance.settings"}
    command_line = [str(packages.PYTHON), "-m", "launch.steps", *lines]
    return subprocess.run(command_line, cwd=ROOT, env={**env, **settings}, stdout=sys.stderr, check=False).returncode


def bring_up_to_date(env: Mapping[str, str]) -> None:
    """Migrate, then give the application's role its rights and take those it must not have."""
    step("Bringing the database up to date …", "正在升级数据库 …")
    if run_as_owner(env, *UP_TO_DATE):
        raise Refused("migrate_failed")


@contextlib.contextmanager
def collecting_static(state: State, env: Mapping[str, str]) -> Iterator[None]:
    """Collect, hash and compress static files beside the work of the block, when one of them or a package changed."""
    stamp = state.path / "static" / ".collected"
    mark = _static_mark()
    if stamp.exists() and stamp.read_text() == mark:
        yield
        return
    step("Collecting static files …", "正在整理静态文件 …")
    ignored = [word for pattern in UNUSED_STATIC for word in ("--ignore", pattern)]
    words = ["collectstatic", "--noinput", "--clear", "--verbosity", "0", *ignored]
    child = process.spawn("static", command(*words), log=state.logs / "static.log", env=env)
    try:
        yield
        status = child.process.wait()
    finally:
        child.stop()
    if status:
        raise Refused("static_failed", log=child.log, tail=child.tail())
    stamp.write_text(mark)


def _static_mark() -> str:
    digest = hashlib.sha256(packages.SERVE_LOCK.read_bytes())
    for folder in sorted(ROOT.glob("*/static")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            facts = path.stat()
            digest.update(f"{path.relative_to(ROOT)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
