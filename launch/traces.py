"""What a command that comes to nothing takes away again, and the mark of a restore that is not whole yet.

The file `restoring` is written before a restore puts anything into a state and removed when the database is whole.
While it stands, nothing but `./run restore` (which clears away what a killed one left) and `./run reset` touches it.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from launch.home import State, short_sockets
from launch.say import Refused, step

RESTORING = "restoring"
# What a restore fills; the rest of a state (folders, logs, the lock) stands without harm until somebody removes it.
FILLED = ("postgres", "postgres.new", "secrets.json", "secrets.json.new", "media", "restore.tmp")


@dataclass(frozen=True)
class Found:
    """What was there before. made_from: the topmost folder, down to the state itself, that was missing; else empty."""

    names: list[str]
    made_from: str
    has_short_sockets: bool


def look(state: State) -> Found:
    """Look at a state before anything is made in it."""
    missing = [path for path in (state.path, *state.path.parents) if not os.path.lexists(path)]
    return Found(_names(state.path), str(missing[-1]) if missing else "", os.path.lexists(short_sockets(state.path)))


def leave(state: State, found: Found) -> None:
    """Remove everything that was not there before. The caller holds the lock, and no service runs."""
    sockets = short_sockets(state.path)
    if not found.has_short_sockets and sockets.is_dir() and not sockets.is_symlink():
        shutil.rmtree(sockets, ignore_errors=True)
    new = [name for name in _names(state.path) if name not in found.names]
    # The mark of a restore goes when all that it speaks of is gone, the lock at last.
    for name in sorted(new, key=lambda name: (name == "lock", name == RESTORING)):
        if name != RESTORING or not any((state.path / filled).exists() for filled in FILLED if filled in new):
            _remove(state.path / name)
    if found.made_from:
        with contextlib.suppress(OSError):
            for folder in (state.path, *state.path.parents):
                folder.rmdir()
                if str(folder) == found.made_from:
                    break


@contextlib.contextmanager
def none_when_refused(state: State) -> Iterator[None]:
    """Leave the state as it was when the block is refused before there is a database. Unlocks at the end.

    A failure (status 1) names a log that a person must read, so it leaves everything.
    """
    found = look(state)
    try:
        yield
    except Refused as refused:
        if refused.status == 2 and state.is_locked and not is_restoring(state) and not _is_made(state, found):
            leave(state, found)
        raise
    finally:
        state.unlock()


def _is_made(state: State, found: Found) -> bool:
    return "postgres" not in found.names and (state.path / "postgres").exists()


# --- restores ----------------------------------------------------------------------------------


def is_restoring(state: State) -> bool:
    return (state.path / RESTORING).exists()


def refuse_half_restored(state: State) -> None:
    if is_restoring(state):
        raise Refused("restore_unfinished", state=state.path)


@contextlib.contextmanager
def restoring(state: State, found: Found) -> Iterator[None]:
    """Mark the state for as long as the block fills it; whatever ends the block early ends what it made."""
    mark = state.path / RESTORING
    part = mark.with_name(mark.name + ".new")
    part.write_text(json.dumps(asdict(found)))
    part.replace(mark)
    try:
        yield
    except BaseException:
        if is_restoring(state):
            leave(state, found)
        raise


def restored(state: State) -> None:
    """The database is whole: from now on nothing takes it away."""
    (state.path / RESTORING).unlink(missing_ok=True)


def clear_half_restored(state: State) -> Found | None:
    """Remove what a killed restore left, if there is any; return what had been there before that one."""
    mark = state.path / RESTORING
    if not mark.exists():
        return None
    step("Removing what an interrupted restore left …", "正在清除中断的恢复留下的数据 …")
    try:
        found = Found(**json.loads(mark.read_text()))
    except (ValueError, TypeError):
        found = Found([name for name in _names(state.path) if name not in FILLED], "", True)
    for name in FILLED:
        if name not in found.names:
            _remove(state.path / name)
    mark.unlink()
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:  # not there, or no path at all
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
