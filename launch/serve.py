"""`./run`: database, broker, web, worker and beat together, until Ctrl-C."""

import dbm
import os
import pickletools
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from launch import backing, django, packages, process, traces
from launch.home import State
from launch.packages import ROOT
from launch.process import Child
from launch.say import Refused, step

HOST = "127.0.0.1"
FIRST_PORT = 8000


def serve(words: list[str]) -> int:
    """Serve until a signal; returns 0 when stopped on purpose."""
    if words:
        raise Refused("command_unknown", command=" ".join(words))
    state = State.chosen()
    children: list[Child] = []
    try:
        with traces.none_when_refused(state):
            state.prepare()
            state.lock()
            traces.refuse_half_restored(state)
            with listening_socket() as listener:
                address = f"http://{HOST}:{listener.getsockname()[1]}"
                state.tell(address=address)
                packages.ensure(packages.SERVE_LOCK)
                with backing.started(state) as env:
                    _serve(state, env, address, listener, children)
    except KeyboardInterrupt:
        return 0
    return 0


def _serve(state: State, env: Mapping[str, str], address: str, listener: socket.socket, children: list[Child]) -> None:
    try:
        prepare(state, env)
        start_web(state, env, listener, children)
        wait_until_answered(address, children[0])
        start_tasks(state, env, children)
        announce(address, env)
        watch(state, children)
    finally:
        if children:
            step("Stopping …", "正在停止 …")
        for child in children:
            child.stop()


def prepare(state: State, env: Mapping[str, str]) -> None:
    """Everything that must be true before the first request.

    A demo gets its town. An installation that is none must pass Django's deployment check, which fails while a demo
    adapter is on.
    """
    step("Bringing the database up to date …", "正在升级数据库 …")
    demo = ["town --scale small"] if is_demo(env) else ["check --deploy --fail-level ERROR"]
    with django.collecting_static(state, env):
        if django.run_as_owner(env, *django.UP_TO_DATE, *demo):
            raise Refused("preparing_failed")


def is_demo(env: Mapping[str, str]) -> bool:
    return env["LIANHUI_DEMO"].lower() in ("1", "true", "yes", "on")


def listening_socket() -> socket.socket:
    """Take the port that PORT names, else the next free one from 8000. Held from now on, so that nobody else can."""
    named = os.environ.get("PORT", "")
    if named and not (named.isascii() and named.isdecimal() and 0 < int(named) < 65536):
        raise Refused("port_invalid", port=named)
    for port in [int(named)] if named else range(FIRST_PORT, FIRST_PORT + 1000):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(512)
        except OSError:
            listener.close()
            continue
        return listener
    raise Refused("port_busy", port=named or FIRST_PORT)


def start_web(state: State, env: Mapping[str, str], listener: socket.socket, children: list[Child]) -> None:
    """Start gunicorn on the port that is held already; loaded once, then forked."""
    descriptor = listener.fileno()
    command = [str(packages.PYTHON), "-m", "gunicorn", "alliance.wsgi:application", "--preload"]
    command += ["--bind", f"fd://{descriptor}", "--worker-class", "gthread", "--workers", env.get("WEB_WORKERS", "2")]
    command += ["--threads", env.get("WEB_THREADS", "4"), "--timeout", "60", "--graceful-timeout", "20"]
    command += ["--no-control-socket", *_heartbeats()]
    log = state.logs / "web.log"
    children.append(process.spawn("web", command, log=log, env=env, cwd=ROOT, pass_fds=(descriptor,)))
    listener.close()
    _tell(state, children)


def forget_broken_schedule(state: State) -> None:
    """Beat keeps when each task ran last. Killed while it writes this, it leaves what it could not start with again.

    Then it begins anew, and each task comes at its next time.
    """
    name = "beat-schedule"
    if not any(state.path.glob(f"{name}*")):
        return
    try:
        with dbm.open(str(state.path / name), "r") as kept:
            for key in kept.keys():  # noqa: SIM118 (a dbm is no mapping)
                for _step in pickletools.genops(kept[key]):
                    pass
    except (dbm.error[0], OSError, ValueError, KeyError, IndexError, SyntaxError):
        for file in state.path.glob(f"{name}*"):
            file.unlink()


def start_tasks(state: State, env: Mapping[str, str], children: list[Child]) -> None:
    """Start worker and beat; children are kept in the order in which they are stopped."""
    forget_broken_schedule(state)
    celery = [str(packages.PYTHON), "-m", "celery", "--app", "alliance.celery"]
    worker = ["worker", "--concurrency", env.get("TASK_WORKERS", "2"), "--without-gossip", "--without-mingle"]
    for name, words in (("worker", worker), ("beat", ["beat", "--pidfile", ""])):
        children.append(process.spawn(name, [*celery, *words], log=state.logs / f"{name}.log", env=env, cwd=ROOT))
    _tell(state, children)


def _tell(state: State, children: list[Child]) -> None:
    """Write down which processes a killed launcher would leave ending."""
    told = state.running_as_told().get("children", {})
    state.tell(children={**told, **{child.name: child.mark for child in children}})


def wait_until_answered(address: str, web: Child) -> None:
    """Wait for the first answer, so that READY is true."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip(" .*") or HOST
    question = urllib.request.Request(f"{address}/healthz", headers={"Host": host})
    deadline = time.monotonic() + 90
    while web.process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(question, timeout=30):
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
            break
        except OSError:
            time.sleep(0.1)
    raise Refused("web_failed", address=address, log=web.log, tail=web.tail())


def announce(address: str, env: Mapping[str, str]) -> None:
    print(f"READY {address}", flush=True)
    if is_demo(env) and django.has("demo_logins"):
        django.run(env, "demo_logins", "--address", address)


def watch(state: State, children: list[Child]) -> None:
    """Sleep until a signal, or until one of the processes ends: all stop together and start together."""
    marks: dict[str, str] = state.running_as_told()["children"]
    beneath = {name: mark for name, mark in marks.items() if mark and name in ("postgres", "valkey")}
    while True:
        for child in children:
            status = child.process.poll()
            if status is not None:
                raise Refused("child_ended", name=child.name, status=status, log=child.log, tail=child.tail())
        for name, mark in beneath.items():
            if process.wait_gone([mark], 0) == []:
                log = state.logs / f"{name}.log"
                raise Refused("child_ended", name=name, status="?", log=log, tail=process.tail(log))
        time.sleep(0.5)


def _heartbeats() -> list[str]:
    """A worker's heartbeat is a file: kept in memory where there is such a folder."""
    memory = Path("/dev/shm")
    return ["--worker-tmp-dir", str(memory)] if memory.is_dir() else []
