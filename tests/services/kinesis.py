"""Kinesis from the environment, else LocalStack in a container, else kinesalite, which is faithful on resharding and expiry."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

from saga_postgres.embedded.child import LOOPBACK, Child, free_port
from tests.services.places import Missing, no_docker, npm_folder

KINESALITE_VERSION = "3.3.3"
LOCALSTACK_IMAGE = "localstack/localstack:4"
START_TIMEOUT_SECONDS = 20.0
POLL_SECONDS = 0.01
# Its own command line listens on every interface. SIGUSR2 moves its clock on by more than an iterator lives.
LAUNCHER = """
let skew = 0
const now = Date.now.bind(Date)
Date.now = () => now() + skew
process.on('SIGUSR2', () => { skew += 301000 })
process.on('SIGTERM', () => process.exit(0))
const kinesalite = require('%s/node_modules/kinesalite')
kinesalite({path: '%s' || undefined, createStreamMs: 50, updateStreamMs: 50, deleteStreamMs: 50, shardLimit: 100000})
  .listen(%d, '%s')
"""
QUICK = {"poll": "10ms", "idle": "20ms", "lease": "2s", "create": "yes"}


def bus_url(endpoint: str, leases: str, **parameters: str) -> str:
    """The URL of a bus on a stand-in, with short intervals unless `parameters` override them."""
    given = {"endpoint_url": endpoint, "leases": leases, **QUICK, **parameters}
    return f"kinesis://test:test@us-east-1?{urlencode(given, quote_via=quote)}"


@contextlib.contextmanager
def kinesis() -> Iterator[str]:
    """Yields the endpoint of a Kinesis for tests."""
    if url := os.environ.get("SAGA_TEST_KINESIS_URL"):
        yield url
    elif no_docker():
        with Kinesalite() as server:
            yield server.endpoint
    else:
        containers = importlib.import_module("testcontainers.community.localstack")
        with containers.LocalStackContainer(LOCALSTACK_IMAGE).with_services("kinesis") as container:
            yield container.get_url()


class Kinesalite:
    """A stand-in that can be killed and restarted on its data, and whose clock can be moved.

    Raises Missing where Node is not to be had.
    """

    def __init__(self) -> None:
        if not (node := shutil.which("node")):
            raise Missing("kinesalite: node is not on PATH (apt-get install nodejs npm, brew install node)")
        self._node = node
        self._modules = npm_folder("kinesalite", "kinesalite", KINESALITE_VERSION)
        self._port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="saga-kinesalite-", ignore_cleanup_errors=True)
        self._child: Child | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(signal.SIGTERM)
        self._folder.cleanup()

    def start(self) -> None:
        """Starts on the existing data."""
        folder = Path(self._folder.name)
        launcher = LAUNCHER % (self._modules, folder / "data", self._port, LOOPBACK)
        (folder / "launcher.js").write_text(launcher)
        self._child = Child([self._node, folder / "launcher.js"], folder=folder, log=folder / "log", account=None)
        _wait_until_listening(self._child, self._port)

    def kill(self, signal_: signal.Signals = signal.SIGKILL) -> int:
        """Kills the process. Returns its pid."""
        assert self._child is not None
        self._child.end(signal_)
        return self._child.pid

    def signal(self, signal_: signal.Signals) -> None:
        """Sends SIGSTOP or SIGCONT."""
        assert self._child is not None
        os.kill(self._child.pid, signal_)

    def expire_iterators(self) -> None:
        """Moves the clock by five minutes."""
        self.signal(signal.SIGUSR2)


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """Yields the endpoint of a moto server, a widespread stand-in. It never ends reading a shard that was split."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="saga-moto-") as name:
        argv: list[str | Path] = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
        child = Child(argv, folder=Path(name), log=Path(name) / "log", account=None)
        try:
            _wait_until_listening(child, port)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            child.end(signal.SIGTERM)


def _wait_until_listening(child: Child, port: int) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 0.2):
            return
        if not child.is_running or time.monotonic() > give_up_at:
            raise RuntimeError(f"the stand-in for Kinesis did not start:\n{child.log_tail()}")
        time.sleep(POLL_SECONDS)
