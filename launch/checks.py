"""`./run lint`, `e2e`, `css` and, in `launch.testing`, `test`: what must be true before a change is done."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from launch import backing, django, node, packages
from launch.home import State
from launch.packages import ROOT
from launch.say import Refused, step
from launch.testing import PLAIN

# Linters read the settings but never connect.
SETTINGS_ONLY = {
    "SECRET_KEY": "lint",
    "DATABASE_URL": "postgresql://lint@/lint?host=/nonexistent",
    "LIANHUI_DEMO": "true",
}


def lint(words: list[str]) -> int:
    """Run every linter, whatever the ones before found; `./run lint mypy css` runs only those."""
    packages.ensure(packages.SERVE_LOCK, packages.DEV_LOCK)
    checks = {
        "ruff": [[*RUFF, "check", "."]],
        "format": [[*RUFF, "format", "--check", "."]],
        "types": [_tool("mypy")],
        "imports": [_tool("lint-imports")],
        "templates": [_tool("djlint", "templates", "--lint", "--quiet")],
        "migrations": [django.command("makemigrations", "--check", "--dry-run")],
        "words": [[str(packages.PYTHON), "-m", "tools.catalogue", "--check"]],
        "css": [[sys.executable, str(ROOT / "run"), "css", "--check"]],
    }
    unknown = set(words) - checks.keys()
    if unknown:
        raise Refused("words_missing", usage=f"./run lint [{' | '.join(checks)}] …")
    env = {**os.environ, **SETTINGS_ONLY, "PYTHONWARNINGS": "ignore::RuntimeWarning"}
    results = {}
    for name in words or checks:
        step(f"lint: {name}", f"检查：{name}")
        results[name] = max(subprocess.run(line, cwd=ROOT, env=env, check=False).returncode for line in checks[name])
    for name, status in results.items():
        print(f"{name:12} {'ok' if status == 0 else 'FAILED'}")
    return 1 if any(results.values()) else 0


# A program of its own, no script: started as it is.
RUFF = (str(packages.VENV / "bin" / "ruff"),)


def _tool(name: str, *words: str) -> list[str]:
    """A tool of .venv, started by its interpreter: its own first line fails when the path is long or has spaces."""
    return [str(packages.PYTHON), str(packages.VENV / "bin" / name), *words]


def css(words: list[str]) -> int:
    """Compile the style sheet, or with --check compare the committed one with what would be compiled."""
    if words not in ([], ["--check"]):
        raise Refused("words_missing", usage="./run css [--check]")
    return node.check_css() if words else node.compile_css()


def e2e(words: list[str]) -> int:
    """Drive a browser through a Lianhui of its own, on a temporary state."""
    packages.ensure(packages.SERVE_LOCK, packages.DEV_LOCK)
    missing = [name for name, found in (("chromium", _chromium()), ("fonts-noto-cjk", _chinese_font())) if not found]
    if missing:
        raise Refused("browser_missing", packages=" ".join(missing))
    with _served() as (address, urls):
        env = {**os.environ, **SETTINGS_ONLY, **urls, **PLAIN, "LIANHUI_URL": address, "CHROMIUM": _chromium() or ""}
        env["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the browser's driver runs an event loop in the test's thread
        pytest = [str(packages.PYTHON), "-m", "pytest", "-o", "addopts=--strict-markers --strict-config"]
        return subprocess.run([*pytest, "tests/e2e", *words], cwd=ROOT, env=env, check=False).returncode


@contextlib.contextmanager
def _served() -> Iterator[tuple[str, dict[str, str]]]:
    """Start `./run` on a temporary state and yield its address and the URLs of what it stands on."""
    folder = Path(tempfile.mkdtemp(prefix="lianhui-e2e-"))
    env = {name: value for name, value in os.environ.items() if name not in ("PORT", *backing.URLS)}
    env["LIANHUI_STATE"] = str(folder)
    command = [sys.executable, str(ROOT / "run")]
    running = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert running.stdout is not None
        for line in running.stdout:
            ready = re.match(r"READY (\S+)", line)
            if ready:
                break
        else:
            raise Refused("serve_failed", status=running.wait())
        yield ready.group(1), State(folder).running_as_told()["urls"]
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _chinese_font() -> bool:
    """Without one, a screenshot shows boxes."""
    if shutil.which("fc-list"):
        return bool(subprocess.run(["fc-list", ":lang=zh"], capture_output=True, check=False).stdout.strip())
    return any(Path("/usr/share/fonts").rglob("NotoSansCJK*"))
