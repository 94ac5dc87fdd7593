"""A whole Lianhui of its own to be broken: durable database, broker, gunicorn, worker and beat, with a network between.

The web server and the tasks reach the database through a proxy, and clients reach the web server through another one.
This process stands beside: it reaches the database directly, as the owner, and builds and checks with Django.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from bench.faulty.proxy import CUTS, Proxy
from launch import backing, postgres, serve
from launch.home import State
from launch.postgres import Cluster
from launch.process import Child
from launch.say import Refused
from launch.valkey import Broker
from tests.served import Server

SETTINGS = {
    "PLAIN_STATIC": "true", "HTTPS": "false", "CELERY_EAGER": "false", "API_RATE": "100000000/min",
    "WEB_WORKERS": "2", "WEB_THREADS": "4", "DJANGO_SETTINGS_MODULE": "alliance.settings", "LIANHUI_DEMO": "true",
}  # fmt: skip


class World:
    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.state = State(folder)
        self.state.prepare()
        self.cluster = Cluster(
            folder / "postgres",
            self.state.socket_folder("postgres"),
            self.state.logs / "postgres.log",
            postgres.DURABLE,
        )
        self.broker = Broker(self.state.socket_folder("valkey"), self.state.logs / "valkey.log")
        sockets, name = self.state.socket_folder("network"), f".s.PGSQL.{postgres.PORT}"
        self.database_network = Proxy(sockets / name, self.cluster.sockets / name, seed)
        self.listener = socket.create_server((serve.HOST, 0), backlog=512)
        self.client_network = Proxy(0, self.listener.getsockname()[1], seed + 1)
        self.through_network = (
            f"postgresql://{postgres.APPLICATION}@/{postgres.DATABASE}?host={quote(str(sockets), safe='')}"
            f"&port={postgres.PORT}"
        )
        self.children: dict[str, Child] = {}
        self.env: dict[str, str] = {}

    @property
    def port(self) -> int:
        """Where clients call, through the network."""
        assert isinstance(self.client_network.at, int)
        return self.client_network.at

    @property
    def inner_port(self) -> int:
        return int(self.listener.getsockname()[1])

    def open_database(self) -> None:
        """Start database and broker, migrate, and set Django up in this process."""
        self.cluster.start()
        self.broker.start()
        self.database_network.start()
        self.client_network.start()
        for name in (*backing.URLS, *(f"{name}_FILE" for name in backing.URLS)):
            os.environ.pop(name, None)
        urls = {
            "DATABASE_URL": self.cluster.url(postgres.APPLICATION),
            "DATABASE_OWNER_URL": self.cluster.url(postgres.OWNER),
            "REDIS_URL": self.broker.url(),
        }
        self.env = {**backing.base_environment(self.state), **urls, **SETTINGS}
        os.environ.update(self.env, LIANHUI_DB_ROLE="owner")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("grants", verbosity=0)

    def durability(self) -> dict[str, str]:
        names = ("fsync", "synchronous_commit", "full_page_writes", "server_version")
        with psycopg.connect(self.cluster.url(postgres.OWNER)) as connection:
            return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in names}  # type: ignore[index]

    # --- what runs ------------------------------------------------------------------------------

    @property
    def _of_children(self) -> dict[str, str]:
        return {**self.env, "DATABASE_URL": self.through_network, "LIANHUI_DB_ROLE": "app"}

    def start_web(self) -> None:
        started: list[Child] = []
        serve.start_web(self.state, self._of_children, self.listener.dup(), started)
        self.children["web"] = started[0]

    def start_tasks(self) -> None:
        self.stop_tasks()
        started: list[Child] = []
        serve.start_tasks(self.state, self._of_children, started)
        self.children |= {child.name: child for child in started}

    def stop_tasks(self) -> None:
        for name in ("worker", "beat"):
            old = self.children.pop(name, None)
            if old:
                old.gentle = signal.SIGKILL
                old.stop()

    def wait_until_answered(self) -> None:
        serve.wait_until_answered(f"http://{serve.HOST}:{self.inner_port}", self.children["web"])

    def stop(self) -> None:
        for child in self.children.values():
            child.gentle = signal.SIGKILL
            child.stop()
        for proxy in (self.database_network, self.client_network):
            proxy.stop()
        self.broker.stop()
        self.cluster.stop()
        self.listener.close()

    # --- what is killed; each is up again, or on its way, when the call returns -------------------

    @property
    def kills(self) -> dict[str, Callable[[], str]]:
        return {
            "web worker": self.kill_web_worker,
            "web master": self.kill_web_master,
            "tasks": self.kill_tasks,
            "database": self.kill_database,
            "database process": self.kill_backend,
            "network to the database": lambda: self.cut(self.database_network),
            "network to the clients": lambda: self.cut(self.client_network),
        }

    def kill_web_worker(self) -> str:
        web = self.children["web"]
        pid = self.random.choice(_processes_of(web) or [web.process.pid])
        os.kill(pid, signal.SIGKILL)
        if pid == web.process.pid:
            self._restart_web()
        return f"worker {pid}"

    def kill_web_master(self) -> str:
        """The master alone, whose workers have to notice, or all of them."""
        web = self.children["web"]
        is_all = self.random.random() < 0.5
        if is_all:
            os.killpg(web.process.pid, signal.SIGKILL)
        else:
            os.kill(web.process.pid, signal.SIGKILL)
        self._restart_web()
        return "master and workers" if is_all else "master"

    def _restart_web(self) -> None:
        self.children["web"].process.wait()
        self.start_web()

    def kill_tasks(self) -> str:
        """One of the processes that do the tasks, or all with the one that hands them out."""
        worker = self.children["worker"]
        pids = _processes_of(worker)
        if pids and self.random.random() < 0.5:
            os.kill(self.random.choice(pids), signal.SIGKILL)
            return "one process"
        os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
        self.start_tasks()
        return "all"

    def kill_database(self) -> str:
        child = self.cluster.child
        assert child is not None
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait()
        deadline = time.monotonic() + 60
        while True:
            try:
                self.cluster.start()
                return "postmaster"
            except Refused:  # processes of the old one still hold its memory
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def kill_backend(self) -> str:
        """A single process of the database: the postmaster then ends all others and recovers."""
        child = self.cluster.child
        assert child is not None
        with psycopg.connect(self.cluster.url(postgres.OWNER)) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = %s ORDER BY state = 'active' DESC, random()",
                [postgres.APPLICATION],
            ).fetchall()
        os.kill(rows[0][0] if rows else child.process.pid, signal.SIGKILL)
        return "backend"

    def cut(self, proxy: Proxy) -> str:
        kind = self.random.choice(CUTS)
        torn = proxy.cut(kind, dark=self.random.choice([0.0, 0.0, 0.3]))
        if not torn:
            raise RuntimeError("there was no connection to cut")
        return f"{torn} connections, {kind}"


def _processes_of(child: Child) -> list[int]:
    return Server(0, child).workers()


@contextmanager
def opened(seed: int) -> Iterator[World]:
    """Open a world in a new folder; it is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="lianhui-faults-"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        world = World(folder, seed)
        stack.callback(world.stop)
        world.open_database()
        yield world
        with suppress(ImportError):
            from django.db import connections

            connections.close_all()
