"""The state folder: everything that a running Lianhui keeps, for one checkout.

lock          held (flock) by the process that runs the services
run.json      who that is: pid, address, URLs of database and broker, marks of the children
restoring     while a restore is under way (see traces.py)
secrets.json  made once, mode 600: SECRET_KEY, HANDLE_KEY
postgres/     the cluster (owned by the user that PostgreSQL runs as)
sockets/      folders of mode 700 for the sockets; elsewhere if the path is too long for a socket
logs/ static/ media/ backups/
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from launch import process
from launch.packages import ROOT
from launch.say import Refused, step

# A socket's whole path may have 107 bytes, a file name 255, a path of PostgreSQL's 1023.
SOCKET_LIMIT = 100
PATH_LIMIT = 900
LONGEST_SOCKET = "/sockets/postgres/.s.PGSQL.5432"


class State:
    """One state folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._run_file = path / "run.json"
        self._lock_handle: Any = None

    @classmethod
    def chosen(cls) -> "State":
        """Return the folder that LIANHUI_STATE names, else this checkout's own."""
        named = os.environ.get("LIANHUI_STATE")
        return cls(Path(named).expanduser().absolute() if named else _default())

    def prepare(self) -> None:
        """Create the folder; refuse what cannot work before anything is begun."""
        length = len(os.fsencode(self.path))
        if length > PATH_LIMIT or any(len(os.fsencode(part)) > 255 for part in self.path.parts):
            raise Refused("state_path_too_long", length=length, limit=PATH_LIMIT)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # As root, PostgreSQL's user must be able to pass through; nobody may list.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for name in ("logs", "media", "static", "backups"):
                (self.path / name).mkdir(exist_ok=True)
                (self.path / name).chmod(0o700)
        except OSError as error:
            raise Refused("state_unwritable", state=self.path, reason=error.strerror) from None

    # --- who runs here -------------------------------------------------------------------------

    def try_lock(self) -> bool:
        """Become the one that runs the services of this state."""
        while True:
            handle = (self.path / "lock").open("a")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                handle.close()
                return False
            if _is_at(handle.fileno(), self.path / "lock"):
                break
            handle.close()  # whoever held it was refused and left nothing behind
            self.prepare()
        self._lock_handle = handle
        self._outlast_predecessor()
        self.tell(pid=os.getpid())
        return True

    def lock(self) -> None:
        """Become the one that runs the services, or refuse and name the one that does."""
        if not self.try_lock():
            # The other one may have taken the lock a moment ago and not said yet who it is.
            other = self.running() or {}
            address = other.get("address")
            where = f" · {address}" if address else ""
            raise Refused("state_busy", state=self.path, where=where, pid=other.get("pid", "?"))

    @property
    def is_locked(self) -> bool:
        return self._lock_handle is not None

    def unlock(self) -> None:
        if self._lock_handle is not None:
            self._run_file.unlink(missing_ok=True)
            self._lock_handle.close()
            self._lock_handle = None

    def _outlast_predecessor(self) -> None:
        """Wait for the children of a launcher that was killed: they end by themselves, in their own time."""
        left = process.wait_gone(list(self.running_as_told().get("children", {}).values()), 20)
        for mark in left:
            step(f"Ending process {mark}, left by a killed launcher …", f"正在结束遗留进程 {mark} …")
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(mark.split(":")[0]), 9)
        process.wait_gone(left, 10)

    def running_as_told(self) -> dict[str, Any]:
        """Return what the last launcher wrote about itself."""
        try:
            told: dict[str, Any] = json.loads(self._run_file.read_text())
        except (OSError, ValueError):
            return {}
        return told

    def running(self) -> dict[str, Any] | None:
        """Return what is told by the process that holds the lock, None when nobody holds it."""
        path = self.path / "lock"
        if not path.exists():
            return None
        deadline = time.monotonic() + 5
        with path.open("a") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    told = self.running_as_told()
                    if process.identity(int(told.get("pid", 0))) or time.monotonic() > deadline:
                        return told
                    time.sleep(0.1)
                else:
                    return None

    def tell(self, **facts: object) -> None:
        """Add to what others may know about this run."""
        told = {} if "pid" in facts else self.running_as_told()
        _write_private(self._run_file, json.dumps({**told, **facts}))

    @contextlib.contextmanager
    def guest(self) -> Iterator[None]:
        """Use the services of another process; a command that runs them waits for its guests before it stops them."""
        with (self.path / "guests").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield

    def wait_for_guests(self) -> None:
        with (self.path / "guests").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)

    # --- what it keeps -------------------------------------------------------------------------

    def secrets(self) -> dict[str, str]:
        """Return the secrets of this installation; those given by the environment win."""
        path = self.path / "secrets.json"
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in ("SECRET_KEY", "HANDLE_KEY") if name not in kept]
        if missing:
            kept.update({name: secrets.token_urlsafe(48) for name in missing})
            _write_private(path, json.dumps(kept))
        return {name: value for name, value in kept.items() if not {name, f"{name}_FILE"} & os.environ.keys()}

    def socket_folder(self, name: str) -> Path:
        """Return a folder, existing and closed to others, whose path is short enough for a socket in it."""
        base = self.path / "sockets"
        if len(os.fsencode(self.path)) + len(LONGEST_SOCKET) > SOCKET_LIMIT:
            base = short_sockets(self.path)
            base.mkdir(exist_ok=True)
            if base.is_symlink() or base.stat().st_uid != os.geteuid():
                raise Refused("socket_folder_taken", folder=base)
        base.mkdir(exist_ok=True)
        base.chmod(0o711 if os.geteuid() == 0 else 0o700)
        folder = base / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        return folder

    def remove(self) -> None:
        """Remove the folder and its sockets, wherever they are."""
        base = short_sockets(self.path)
        if base.exists() and not base.is_symlink() and base.stat().st_uid == os.geteuid():
            shutil.rmtree(base)
        shutil.rmtree(self.path)


def short_sockets(path: Path) -> Path:
    """Return where the sockets of a state lie whose own path is too long for them."""
    return _short_folder() / f"lianhui-{_digest(str(path))}"


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _default() -> Path:
    name = f"{ROOT.name}-{_digest(str(ROOT))}"
    if os.geteuid() == 0:
        return Path("/var/lib/lianhui") / name
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "lianhui" / name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _short_folder() -> Path:
    if os.geteuid() == 0 and os.access("/run", os.W_OK):
        return Path("/run")
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(own) if own and os.access(own, os.W_OK) else Path(tempfile.gettempdir())


def _write_private(path: Path, text: str) -> None:
    """Write a file of mode 600 as a whole or not at all."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)
    new.replace(path)
