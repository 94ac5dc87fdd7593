"""L2: the named races of the test suite, counted and run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree  # written by pytest a moment ago

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Races:
    names: list[str] = field(default_factory=list)
    cases: int = 0
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0


def run() -> Races:
    """Run everything that is marked `race`, the slow ones too, on throw-away clusters."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "races.xml"
        done = subprocess.run(
            [sys.executable, str(ROOT / "run"), "test", "-m", "race", "-q", f"--junitxml={path}"],
            cwd=ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if not path.exists():
            return Races(failed=[f"pytest ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}"])
        cases = list(ElementTree.parse(path).iter("testcase"))  # noqa: S314
    found = Races(cases=len(cases), seconds=time.monotonic() - started)
    for case in cases:
        name = f"{case.get('classname')}::{(case.get('name') or '').split('[')[0]}"
        if name not in found.names:
            found.names.append(name)
        bad = [part for part in case if part.tag in ("failure", "error")]
        if bad:
            found.failed.append(f"{name}: {(bad[0].get('message') or '')[:300]}")
        elif any(part.tag == "skipped" for part in case):
            found.skipped += 1
        else:
            found.passed += 1
    return found
