"""The web server as `./run` starts it: gunicorn, several workers and threads, the application's role, this test's database."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from launch import serve
from launch.home import State
from launch.process import Child

# Every one of fifty requests is in work at the same moment.
THREADS = {"WEB_WORKERS": "2", "WEB_THREADS": "25"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Server:
    port: int
    child: Child

    def workers(self) -> list[int]:
        """Return the numbers of gunicorn's worker processes."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if int(parent) == self.child.process.pid and state != "Z":
                found.append(int(path.parent.name))
        return sorted(found)


@contextmanager
def gunicorn(folder: Path, database_url: str) -> Iterator[Server]:
    """Serve the database until the block ends; its log is in `folder`."""
    state = State(folder)
    state.prepare()
    env = {**os.environ, **THREADS, "DATABASE_URL": database_url, "LIANHUI_DB_ROLE": "app", "CELERY_EAGER": "false"}
    listener = socket.create_server((serve.HOST, 0), backlog=512)
    port = listener.getsockname()[1]
    children: list[Child] = []
    serve.start_web(state, env, listener, children)
    try:
        serve.wait_until_answered(f"http://{serve.HOST}:{port}", children[0])
        yield Server(port, children[0])
    finally:
        for child in children:
            child.gentle = signal.SIGKILL  # nobody waits for an answer any more
            child.stop()


@dataclass
class Line:
    """One connection of somebody who calls: a machine with its key, or a browser with its cookies."""

    server: Server
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(serve.HOST, self.server.port, timeout=60)

    def open(self) -> None:
        self.connection.connect()

    def close(self) -> None:
        self.connection.close()

    def get(self, path: str) -> Answer:
        return self._answer("GET", path)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self._answer("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})

    def send_form(self, path: str, fields: dict[str, str]) -> Answer:
        return self._answer("POST", path, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})

    def _answer(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> Answer:
        self.connection.request(method, path, body.encode() or None, {**self.headers, **(headers or {})})
        got = self.connection.getresponse()
        headers = {name.lower(): value for name, value in got.getheaders()}
        cookies = SimpleCookie("; ".join(got.headers.get_all("Set-Cookie", [])))
        return Answer(got.status, headers, {name: cookie.value for name, cookie in cookies.items()}, got.read())


def at_once(lines: list[Line], act: Callable[[int, Line], Any]) -> list[Any]:
    """Let everybody connect, then call at the same moment; return what `act` made of each answer."""
    barrier, answers = threading.Barrier(len(lines)), [None] * len(lines)
    errors: list[BaseException] = []

    def call(number: int) -> None:
        try:
            lines[number].open()
            barrier.wait(timeout=60)
            answers[number] = act(number, lines[number])
        except BaseException as error:
            errors.append(error)
        finally:
            lines[number].close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(lines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if errors:
        raise errors[0]
    return answers
