"""What every command stands on: a database and a broker, given by URL or our own, as an environment for children."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from launch import postgres, traces
from launch.home import State
from launch.postgres import Cluster
from launch.valkey import Broker

Environment = dict[str, str]
URLS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


def own_cluster(state: State, epoch: int) -> Cluster:
    sockets, log = state.socket_folder("postgres"), state.logs / "postgres.log"
    return Cluster(state.path / "postgres", sockets, log, postgres.DURABLE, epoch)


def base_environment(state: State) -> Environment:
    """Return what Django needs besides addresses: secrets, folders, the demo flag."""
    settings = {"LIANHUI_STATE": str(state.path), "PYTHONUNBUFFERED": "1", **state.secrets()}
    # A production installation says LIANHUI_DEMO=false; a bare `./run` is the demo.
    return {**os.environ, **settings, "LIANHUI_DEMO": os.environ.get("LIANHUI_DEMO", "true")}


@contextlib.contextmanager
def started(state: State, epoch: int = 0) -> Iterator[Environment]:
    """Start what is not given by URL; the caller holds the state's lock. Stops broker first, database last."""
    env = base_environment(state)
    with contextlib.ExitStack() as stack:
        marks = {}
        if not given():
            cluster = own_cluster(state, epoch)
            stack.callback(cluster.stop)
            cluster.start()
            assert cluster.child is not None
            marks["postgres"] = cluster.child.mark
            env["DATABASE_URL"] = cluster.url(postgres.APPLICATION)
            env["DATABASE_OWNER_URL"] = cluster.url(postgres.OWNER)
        if not env.get("REDIS_URL"):
            broker = Broker(state.socket_folder("valkey"), state.logs / "valkey.log")
            stack.callback(broker.stop)
            broker.start()
            assert broker.child is not None
            marks["valkey"] = broker.child.mark
            env["REDIS_URL"] = broker.url()
        state.tell(children=marks, urls={name: env[name] for name in URLS if name in env})
        yield env


@contextlib.contextmanager
def borrowed_or_started(state: State) -> Iterator[Environment]:
    """Use the services of the Lianhui that runs on this state, or start them for as long as the command takes."""
    with traces.none_when_refused(state):
        state.prepare()
        while not state.try_lock():
            traces.refuse_half_restored(state)
            urls = (state.running() or {}).get("urls")
            if urls:
                with state.guest():
                    yield {**base_environment(state), **urls}
                return
        traces.refuse_half_restored(state)
        with started(state) as env:
            yield env
            state.wait_for_guests()


@contextlib.contextmanager
def throw_away() -> Iterator[Environment]:
    """Start a database and a broker in a new folder, and leave nothing of them behind."""
    folder = Path(tempfile.mkdtemp(prefix="lianhui-"))
    state = State(folder)
    try:
        state.prepare()
        sockets, log = state.socket_folder("postgres"), state.logs / "postgres.log"
        cluster = Cluster(folder / "postgres", sockets, log, postgres.THROW_AWAY)
        broker = Broker(state.socket_folder("valkey"), state.logs / "valkey.log")
        with contextlib.ExitStack() as stack:
            stack.callback(cluster.stop)
            cluster.start()
            stack.callback(broker.stop)
            broker.start()
            yield {
                **base_environment(state),
                "DATABASE_URL": cluster.url(postgres.APPLICATION),
                "DATABASE_OWNER_URL": cluster.url(postgres.OWNER),
                "REDIS_URL": broker.url(),
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_new(state: State) -> bool:
    """Tell whether the state has no database yet."""
    return not given() and not (state.path / "postgres").exists()


def given() -> bool:
    """Tell whether the database is somebody else's server."""
    return bool(os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"))
