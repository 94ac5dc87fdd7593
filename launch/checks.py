"""`./run test`, `lint`, `e2e`: what must be true before a change is done."""

import subprocess

from launch import backing, packages
from launch.packages import ROOT

BIN = packages.VENV / "bin"


def test(words: list[str]) -> int:
    """Run pytest on a throw-away cluster: PostgreSQL of PG_BIN, else of the wheel."""
    packages.ensure(packages.SERVE_LOCK, packages.DEV_LOCK)
    with backing.throw_away() as env:
        env.update(LIANHUI_DB_ROLE="owner", PLAIN_STATIC="true", CELERY_EAGER="true", HTTPS="false")
        return subprocess.run([str(packages.PYTHON), "-m", "pytest", *words], cwd=ROOT, env=env, check=False).returncode
