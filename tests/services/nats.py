"""NATS with JetStream from the environment, else native: built from its Go module, else a program on PATH. One node or three."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from saga_postgres.embedded.child import free_port
from tests.services.ensemble import Ensemble, Member
from tests.services.places import Missing, go_binary

NATS_VERSION: Final = "v2.15.3"
NATS_MODULE: Final = "github.com/nats-io/nats-server/v2"
FOR_TESTS: Final = "create=1&replication=1"

CONFIGURATION = """
server_name: n{node}
listen: "{host}:{client}"
http: "{host}:{monitor}"
max_payload: {payload}
jetstream {{ store_dir: "{data}", sync_interval: {sync}, max_memory_store: 256MB, max_file_store: {disk} }}
"""
CLUSTER = """
cluster {{ name: saga, listen: "{host}:{peer}", routes: [{routes}], no_advertise: true, pool_size: -1 }}
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """`disk` is what streams may take of each server; `overrides` are further lines of the configuration."""

    nodes: int = 1
    disk: str = "1GB"
    payload: str = "2MB"
    sync: str = "always"  # or a duration within quotes
    overrides: str = ""
    members: tuple[Member, ...] = ()


ONE: Final = Shape()


class Nats(Ensemble):
    """A cluster. Each node has a port for clients, one for its peers, and one where it can be watched."""

    scheme = "nats"

    def __init__(self, folder: Path, shape: Shape = ONE) -> None:
        members: Sequence[Member] = shape.members or [Member()] * shape.nodes
        super().__init__(folder, members, [free_port() for _ in members])
        self._program = program()
        self._monitor_ports = [free_port() for _ in members]
        self._peer_ports = [free_port() for _ in members]
        for node in range(1, len(members) + 1):
            self.configure(node, shape)

    @property
    def bus_url(self) -> str:
        """The URL of a bus for tests, which creates streams on demand."""
        return f"{self.url}?create=1&replication={min(3, len(self._members))}"

    @property
    def monitors(self) -> str:
        """The monitoring addresses, as in the option `monitor`."""
        return ",".join(
            f"http://{member.host}:{port}" for member, port in zip(self._members, self._monitor_ports, strict=True)
        )

    def configure(self, node: int, shape: Shape) -> None:
        """Writes the configuration of a node, for its next start."""
        member = self._members[node - 1]
        text = CONFIGURATION.format(
            node=node,
            host=member.host,
            client=self._ports[node - 1],
            monitor=self._monitor_ports[node - 1],
            data=self._folder / f"data-{node}",
            disk=shape.disk,
            payload=shape.payload,
            sync=shape.sync,
        )
        if len(self._members) > 1:
            routes = [f'"nats://{one.host}:{port}"' for one, port in zip(self._members, self._peer_ports, strict=True)]
            text += CLUSTER.format(host=member.host, peer=self._peer_ports[node - 1], routes=", ".join(routes))
        self._configuration(node).write_text(text + shape.overrides)

    def reload(self, node: int) -> None:
        """Makes a running node read its configuration again."""
        os.kill(self.pid(node), signal.SIGHUP)

    def freeze(self, node: int) -> None:
        """Suspends a node, which then accepts connections and never answers. `thaw` it before stopping it."""
        os.kill(self.pid(node), signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        os.kill(self.pid(node), signal.SIGCONT)

    def watched(self, node: int, path: str) -> Any:
        """Returns an answer of a node's monitoring port, such as `varz`."""
        address = f"http://{self._members[node - 1].host}:{self._monitor_ports[node - 1]}/{path}"
        with urllib.request.urlopen(address, timeout=1) as response:
            return json.load(response)

    def stop(self) -> None:
        """Kills the nodes: on SIGTERM they would first hand over every stream that they lead."""
        self.kill()

    def _argv(self, node: int) -> list[str | Path]:
        return [*self._members[node - 1].inside, self._program, "-c", self._configuration(node)]

    def _is_ready(self, node: int) -> bool:
        """Tells whether the node answers, and in a cluster whether JetStream has a leader."""
        with contextlib.suppress(OSError, ValueError):
            return bool(self.watched(node, "healthz")["status"] == "ok")
        return False

    def _configuration(self, node: int) -> Path:
        return self._folder / f"node-{node}.conf"


def program() -> str | Path:
    """The newest nats-server that is available here. Raises Missing."""
    try:
        return go_binary("nats-server", NATS_MODULE, NATS_VERSION)
    except Missing as error:
        if path := shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
            return path
        raise Missing(f"nats: {error}; nats-server is not on PATH either (apt-get install nats-server)") from error


@contextlib.contextmanager
def cluster(shape: Shape = ONE) -> Iterator[Nats]:
    """Yields native servers, which a test may kill. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="saga-nats-", ignore_cleanup_errors=True) as name:
        made = Nats(Path(name), shape)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@contextlib.contextmanager
def nats() -> Iterator[str]:
    """Yields the URL of a bus on a NATS for tests, which is deleted afterwards unless the environment named it. Raises Missing."""
    if url := os.environ.get("SAGA_TEST_NATS_URL"):
        yield url if "?" in url else f"{url}?{FOR_TESTS}"
    else:
        with cluster() as one:
            yield one.bus_url
