"""ZooKeeper from the environment, else native, with its jars from Maven Central. One server or an ensemble."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from saga_postgres.embedded.child import free_port
from tests.services.ensemble import Ensemble, Member
from tests.services.places import Missing, jars

ZOOKEEPER_VERSION: Final = "3.9.5"  # pinned: a later version was listed before all its parts were published
COORDINATES: Final = (
    f"org.apache.zookeeper:zookeeper:{ZOOKEEPER_VERSION}",
    "org.xerial.snappy:snappy-java:1.1.10.7",  # declared as provided, but required at the start
    "io.dropwizard.metrics:metrics-core:4.1.12.1",
    "org.slf4j:slf4j-simple:2.0.13",
)
TICK_MS: Final = 200  # sessions are from 0.2 to 4 s
PROPERTIES: Final = """
tickTime={tick_ms}
initLimit=10
syncLimit=5
minSessionTimeout={tick_ms}
dataDir={data}
clientPort={port}
clientPortAddress={host}
admin.enableServer=false
4lw.commands.whitelist=srvr
maxClientCnxns=0
{more}
"""
SASL_PROPERTIES: Final = """
authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
"""
JAAS: Final = """
Server {{ org.apache.zookeeper.server.auth.DigestLoginModule required user_{user}="{password}"; }};
"""


class ZooKeeper(Ensemble):
    """One server, or an ensemble. `users` are names and passwords for SASL."""

    scheme = "zookeeper"

    def __init__(self, folder: Path, members: Sequence[Member], *, users: dict[str, str] | None = None) -> None:
        super().__init__(folder, members, [free_port() for _ in members])
        self._java = _java()
        self._classpath = f"{jars(f'zookeeper-{ZOOKEEPER_VERSION}', *COORDINATES)}/*"
        self._users = users or {}
        self._write_settings([(free_port(), free_port()) for _ in members])

    def _write_settings(self, peer_ports: Sequence[tuple[int, int]]) -> None:
        peers = [
            f"server.{number}={member.host}:{quorum}:{election}"
            for number, (member, (quorum, election)) in enumerate(zip(self._members, peer_ports, strict=True), 1)
        ]
        more = "\n".join(peers if len(peers) > 1 else []) + (SASL_PROPERTIES if self._users else "")
        for user, password in self._users.items():
            (self._folder / "jaas").write_text(JAAS.format(user=user, password=password))
        for number, member in enumerate(self._members, 1):
            data = self._folder / f"data-{number}"
            data.mkdir()
            (data / "myid").write_text(str(number))
            settings = PROPERTIES.format(
                tick_ms=TICK_MS, data=data, port=self._ports[number - 1], host=member.host, more=more
            )
            (self._folder / f"node-{number}.cfg").write_text(settings)

    def _argv(self, node: int) -> list[str | Path]:
        argv: list[str | Path] = [*self._members[node - 1].inside, self._java, "-Xmx128m", "-XX:+UseSerialGC"]
        argv += ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        if self._users:
            argv += [f"-Djava.security.auth.login.config={self._folder / 'jaas'}"]
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return [*argv, "-cp", self._classpath, main, self._folder / f"node-{node}.cfg"]

    def _is_ready(self, node: int) -> bool:
        """Checks more than the port: a member of an ensemble listens before it knows its leader."""
        host, port = self._members[node - 1].host, self._ports[node - 1]
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1) as connection:
            connection.sendall(b"srvr")
            return b"Mode: " in connection.makefile("rb").read()
        return False


def _java() -> str:
    if path := shutil.which("java"):
        return path
    raise Missing("zookeeper: java is not on PATH (apt-get install openjdk-17-jre-headless, brew install openjdk)")


@contextlib.contextmanager
def ensemble(nodes: int = 1, *, users: dict[str, str] | None = None) -> Iterator[ZooKeeper]:
    """Yields new, empty servers on loopback. `users` are for SASL. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="saga-zookeeper-", ignore_cleanup_errors=True) as name:
        servers = ZooKeeper(Path(name), [Member()] * nodes, users=users)
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


@contextlib.contextmanager
def zookeeper() -> Iterator[str]:
    """The URL of a ZooKeeper. Raises Missing."""
    if url := os.environ.get("SAGA_TEST_ZOOKEEPER_URL"):
        yield url
    else:
        with ensemble() as one:
            yield one.url
