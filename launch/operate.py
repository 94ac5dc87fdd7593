"""What operators do: backup, restore, upgrade, doctor, reset, bench, and Django's commands on a running state."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from launch import backing, django, packages, postgres, traces
from launch.home import State
from launch.packages import ROOT
from launch.say import Refused, step


def manage(words: list[str]) -> int:
    """Run a management command, on the Lianhui that runs or on services started for it."""
    packages.ensure(packages.SERVE_LOCK)
    state = State.chosen()
    is_new = backing.is_new(state)
    with backing.borrowed_or_started(state) as env:
        if is_new:
            django.bring_up_to_date(env)
        return django.run(env, *words)


def shell(words: list[str]) -> int:
    return manage(["shell", *words])


def town(words: list[str]) -> int:
    """Build or enlarge the synthetic town."""
    return _on_current_schema(["town", *words])


def replay(words: list[str]) -> int:
    """Feed real data through the till feed; its packages are installed when first asked for."""
    packages.ensure(packages.SERVE_LOCK, packages.REPLAY_LOCK)
    return _on_current_schema(["replay", *words])


def feed(words: list[str]) -> int:
    """Book a till's file, as the application: a till may do no more."""
    if not words:
        raise Refused("words_missing", usage="./run feed FILE --store CODE")
    return manage(["feed", *words])


def verify(words: list[str]) -> int:
    """Check every law of the book."""
    return manage(["verify", *words])


# What is measured beside the product, and installed for that alone.
PEERS = {"ledger": ("django-hordak==2.0.0",)}


def bench(words: list[str]) -> int:
    """Run the measuring program bench/NAME.py on a durable cluster of its own, kept in the state's folder `bench`."""
    names = sorted(path.stem for path in (ROOT / "bench").glob("[!_]*.py"))
    if not words or words[0] not in names:
        raise Refused("words_missing", usage=f"./run bench {' | '.join(names) or 'NAME'} [--quick] [--json FILE]")
    packages.ensure(packages.SERVE_LOCK, packages.DEV_LOCK)
    with contextlib.suppress(Refused):  # a peer that cannot be had is shown as n/a
        packages.ensure_extra(*PEERS.get(words[0], ()))
    state = State(State.chosen().path / "bench")
    with backing.borrowed_or_started(state) as env:
        django.bring_up_to_date(env)
        env.update(LIANHUI_DB_ROLE="owner", PG_BIN=str(_client_programs()), BANK_ACCOUNTS="1, 2, a")
        command = [str(packages.PYTHON), "-m", f"bench.{words[0]}", *words[1:]]
        return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def _on_current_schema(words: list[str]) -> int:
    packages.ensure(packages.SERVE_LOCK)
    with backing.borrowed_or_started(State.chosen()) as env:
        django.bring_up_to_date(env)
        return django.run(env, *words)


# --- copies ------------------------------------------------------------------------------------

DUMP, SECRETS, MANIFEST = "database.dump", "secrets.json", "manifest.json"


def backup(words: list[str]) -> int:
    """Write database, secrets and uploads into one file, with checksums inside. The file opens everything: mode 600."""
    target = _one_file(words, "./run backup FILE")
    if target.exists():
        raise Refused("file_exists", file=target)
    packages.ensure(packages.SERVE_LOCK)
    state = State.chosen()
    with backing.borrowed_or_started(state) as env:
        write_backup(state, env, target)
    return 0


def write_backup(state: State, env: Mapping[str, str], target: Path) -> None:
    step(f"Backing up to {target} …", f"正在备份到 {target} …")
    dump, part = target.with_name(target.name + ".dump"), target.with_name(target.name + ".part")
    words = ["--format=custom", "--no-owner", "--no-privileges", f"--file={dump}", _owner_url(env)]
    try:
        os.close(os.open(dump, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        if subprocess.run([str(_client_programs() / "pg_dump"), *words], check=False).returncode:
            raise Refused("backup_failed", file=target)
        media = state.path / "media"
        members = {DUMP: dump, SECRETS: state.path / SECRETS}
        members.update(
            {f"media/{path.relative_to(media)}": path for path in sorted(media.rglob("*")) if path.is_file()}
        )
        sums = {name: _sha256(path) for name, path in members.items()}
        made_at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        facts = {"made_at": made_at, "transaction_id": _transaction_id(env), "sha256": sums}
        manifest = dump.with_name(dump.name + ".json")
        manifest.write_text(json.dumps(facts, indent=1))
        with tarfile.open(part, "w") as archive:
            for name, path in {MANIFEST: manifest, **members}.items():
                archive.add(path, name)
        manifest.unlink()
        part.replace(target)
    finally:
        dump.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    size = target.stat().st_size
    print(f"{target}  {size:,} bytes  sha256 {_sha256(target)}")


def restore(words: list[str]) -> int:
    """Restore a backup into an empty state, then bring it up to date and verify every law."""
    source = _one_file(words, "./run restore FILE")
    if not source.is_file():
        raise Refused("file_missing", file=source)
    packages.ensure(packages.SERVE_LOCK)
    state = State.chosen()
    found = traces.look(state)
    state.prepare()
    state.lock()
    unpacked = state.path / "restore.tmp"
    try:
        found = traces.clear_half_restored(state) or found
        if not backing.given() and not backing.is_new(state):
            raise Refused("state_not_empty", state=state.path)
        state.prepare()
        with traces.restoring(state, found):
            highest = _unpack(source, unpacked, state)
            _take_over(unpacked, state)
            with backing.started(state, epoch=(highest >> 32) + 1) as env:
                if _transaction_id(env) <= highest:
                    raise Refused("transaction_ids_behind", epoch=(highest >> 32) + 1)
                _fill(env, unpacked / DUMP)
                if backing.given():  # filled at once or not at all, and not ours to clear
                    traces.restored(state)
                django.bring_up_to_date(env)
                traces.restored(state)
                return django.run(env, "verify") if django.has("verify") else 0
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        state.unlock()


def _unpack(source: Path, folder: Path, state: State) -> int:
    """Unpack, compare every file with its checksum, return the highest transaction id."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused("state_unwritable", state=state.path, reason=error.strerror) from None
    except tarfile.TarError:
        pass  # the checksums tell what is missing
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        wanted: dict[str, str] = manifest["sha256"]
        highest = int(manifest["transaction_id"])
    except (OSError, ValueError, KeyError, TypeError):
        damaged: str | None = MANIFEST
    else:
        names = [*dict.fromkeys((DUMP, SECRETS, *wanted))]
        damaged = next((name for name in names if not _is_whole(folder / name, wanted.get(name))), None)
    if damaged:
        raise Refused("backup_damaged", file=source, size=f"{source.stat().st_size:,}", part=damaged)
    return highest


def _is_whole(path: Path, sum_: str | None) -> bool:
    return path.is_file() and _sha256(path) == sum_


def _take_over(unpacked: Path, state: State) -> None:
    """Secrets first: phone numbers are found by digests made with HANDLE_KEY."""
    shutil.copyfile(unpacked / SECRETS, state.path / SECRETS)
    (state.path / SECRETS).chmod(0o600)
    if (unpacked / "media").is_dir():
        shutil.copytree(unpacked / "media", state.path / "media", dirs_exist_ok=True)


def _fill(env: Mapping[str, str], dump: Path) -> None:
    """Run pg_restore as the owner; comments are left out because those on extensions belong to the superuser."""
    step("Restoring the database …", "正在恢复数据库 …")
    words = [
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={_owner_url(env)}",
        str(dump),
    ]
    if subprocess.run([str(_client_programs() / "pg_restore"), *words], check=False).returncode:
        raise Refused("restore_failed")


def upgrade(words: list[str]) -> int:
    """After new code: packages, a backup, migrations, rights, verify. Nothing may run on the state meanwhile."""
    packages.ensure(packages.SERVE_LOCK)
    state = State.chosen()
    with traces.none_when_refused(state):
        state.prepare()
        state.lock()
        traces.refuse_half_restored(state)
        with backing.started(state) as env:
            write_backup(state, env, state.path / "backups" / time.strftime("before-upgrade-%Y%m%d-%H%M%S.tar"))
            with django.collecting_static(state, env):
                django.bring_up_to_date(env)
            return django.run(env, "verify") if django.has("verify") else 0


def reset(words: list[str]) -> int:
    """Remove the state folder: database, uploads, secrets, logs, backups."""
    state = State.chosen()
    if backing.given():
        raise Refused("not_ours", command="./run reset")
    if not state.path.exists():
        return 0
    state.prepare()
    state.lock()
    try:
        if words != ["--yes"]:
            raise Refused("not_confirmed", state=state.path)
        step(f"Removing {state.path} …", f"正在删除 {state.path} …")
        state.remove()
    finally:
        state.unlock()
    return 0


def _one_file(words: list[str], usage: str) -> Path:
    if len(words) != 1:
        raise Refused("words_missing", usage=usage)
    return Path(words[0]).absolute()


def _owner_url(env: Mapping[str, str]) -> str:
    return env.get("DATABASE_OWNER_URL") or env["DATABASE_URL"]


def _transaction_id(env: Mapping[str, str]) -> int:
    """Return the database's next transaction id: what was written before is below it."""
    words = ["-X", "-A", "-t", "-c", "SELECT pg_current_xact_id()", _owner_url(env)]
    asked = subprocess.run([str(_client_programs() / "psql"), *words], stdout=subprocess.PIPE, text=True, check=True)
    return int(asked.stdout)


def _client_programs() -> Path:
    """pg_dump, pg_restore, pgbench: they run as the caller."""
    return postgres.binaries()


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
