"""A network that can be cut: it passes bytes on between two sockets, and breaks off in the middle of them when told to."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

Address = Path | int  # a unix socket, or a port of 127.0.0.1
HOST = "127.0.0.1"
CUTS = ("answer", "request", "all")


class Link:
    """One connection of a caller, and ours to whom it calls."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.doomed = ""

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Listens at `at` (port 0: any) and passes on to `to`; lives in a thread of its own."""

    def __init__(self, at: Address, to: Address, seed: int) -> None:
        self.at, self.to = at, to
        self.random = random.Random(seed)
        self.links: set[Link] = set()
        self.torn = 0
        self.dark_until = 0.0
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._is_up.wait(10):
            raise RuntimeError(f"no proxy at {self.at}")

    def stop(self) -> None:
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop)
            self._thread.join(10)

    def cut(self, kind: str, dark: float = 0.0, patience: float = 15.0) -> int:
        """Tear the open connections; return how many.

        answer, request: in the middle of the next bytes of that direction, part of which still arrive. all: at once,
        whatever they carry. dark: for so many seconds nobody gets through.
        """
        before, deadline = self.torn, time.monotonic() + patience
        while self.torn == before and time.monotonic() < deadline:
            self._loop.call_soon_threadsafe(self._cut, kind, dark)
            time.sleep(0.05)
        return self.torn - before

    def _cut(self, kind: str, dark: float) -> None:
        self.dark_until = time.monotonic() + dark
        for link in list(self.links):
            if kind == "all":
                self.torn += 1
                link.abort()
            else:
                link.doomed = kind

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        if isinstance(self.at, Path):
            server = self._loop.run_until_complete(asyncio.start_unix_server(self._handle, self.at, backlog=512))
        else:
            server = self._loop.run_until_complete(asyncio.start_server(self._handle, HOST, self.at, backlog=512))
            self.at = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        self._loop.close()

    async def _end(self) -> None:
        self.dark_until = math.inf
        for link in list(self.links):
            link.abort()
        await asyncio.wait(
            [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            or [self._loop.create_task(asyncio.sleep(0))],
            timeout=5,
        )
        self._loop.stop()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if time.monotonic() < self.dark_until:
                raise ConnectionError
            theirs = await _connect(self.to)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, theirs[1])
        self.links.add(link)
        try:
            await asyncio.gather(
                self._pass_on(reader, theirs[1], link, "request"), self._pass_on(theirs[0], writer, link, "answer")
            )
        finally:
            self.links.discard(link)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link, direction: str
    ) -> None:
        try:
            while data := await reader.read(1 << 16):
                if link.doomed == direction:
                    self.torn += 1
                    writer.write(data[: self.random.randrange(len(data))])
                    await writer.drain()
                    link.abort()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            link.abort()
        finally:
            writer.close()


async def _connect(to: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(to, Path):
        return await asyncio.open_unix_connection(to)
    return await asyncio.open_connection(HOST, to)


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; tell whether it came."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
