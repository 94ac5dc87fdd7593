"""Children of the launcher: each in its own session, stopped in order, and dead when the launcher is killed."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass
class Child:
    """A running process: `gentle` asks it to end, `wait` seconds later `rough` insists."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    gentle: signal.Signals = signal.SIGTERM
    rough: signal.Signals = signal.SIGKILL
    wait: float = 30

    @property
    def mark(self) -> str:
        """See `identity`."""
        return identity(self.process.pid)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.gentle)
            try:
                self.process.wait(self.wait)
            except subprocess.TimeoutExpired:
                self.process.send_signal(self.rough)
                self.process.wait()
        # Whatever the process left behind in its session (workers of a killed master) ends with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def tail(self) -> str:
        return tail(self.log)


def tail(log: Path) -> str:
    """Return the last lines of a log, for a person who must find out what went wrong."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    except OSError:
        return ""


def spawn(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: pwd.struct_passwd | None = None,
    cwd: str | Path | None = None,
    pass_fds: Sequence[int] = (),
    gentle: signal.Signals = signal.SIGTERM,
    rough: signal.Signals = signal.SIGKILL,
    wait: float = 30,
) -> Child:
    """Start `command` in a session of its own, its output appended to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,
            preexec_fn=_follows_parent(gentle),  # safe: the launcher has one thread
            **as_user(user),
        )
    return Child(name, process, log, gentle, rough, wait)


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return the arguments of subprocess that make a child of root run as `user`."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _follows_parent(sent: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        # A launcher started in the background by a script ignores SIGINT; its children must not.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
            if os.getppid() != parent:  # killed between fork and prctl
                os.kill(os.getpid(), sent)

    return prepare


def identity(pid: int) -> str:
    """Return a mark that tells a process from a later one with the same number; empty when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else f"{pid}:{fields[19]}"


def wait_gone(marks: Sequence[str], seconds: float) -> list[str]:
    """Wait until the processes named by `marks` are gone; return those that stay."""
    deadline = time.monotonic() + seconds
    while True:
        left = [mark for mark in marks if mark and identity(int(mark.split(":")[0])) == mark]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)
