"""The outside buses that the demo can run over: servers on this machine, which can be killed.

They are brought up by the code that brings them up for the tests. It needs `make setup`, so it is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.services import kafka, kinesis, nats


class BrokerMissing(Exception):
    """This machine lacks what the broker needs."""


class Broker(Protocol):
    """A server that carries the commands. After a kill it starts again with its data and its address."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """The URL of the bus, for SAGA_BUS."""

    def kill(self) -> int:
        """Kills the server with -9; returns its pid."""

    def start(self) -> None:
        """Starts the server again; returns when it answers."""


class KafkaBroker:
    """One broker of Apache Kafka, from the jars of Maven Central: needs Java and Maven, but no Docker."""

    name = "kafka broker"

    def __init__(self, cluster: kafka.Cluster) -> None:
        self._cluster = cluster
        self.url = cluster.url

    def kill(self) -> int:
        pid = self._cluster.children[1].pid
        self._cluster.kill(1)
        return pid

    def start(self) -> None:
        self._cluster.start(1)


class KinesisStandIn:
    """Kinesalite, from npm: needs Node, but no AWS account. It has one thread, so it is polled at most ten times a second."""

    name = "kinesis stand-in"
    _URL = "kinesis://test:test@us-east-1?endpoint_url={endpoint}&shards=1&poll=100ms&idle=200ms&lease=2s"

    def __init__(self, server: kinesis.Kinesalite) -> None:
        self._server = server
        self.url = self._URL.format(endpoint=server.endpoint)

    def kill(self) -> int:
        return self._server.kill()

    def start(self) -> None:
        self._server.start()


class NatsServer:
    """One server of NATS with JetStream, built from its Go module: needs Go, or the server on PATH, but no Docker."""

    name = "nats server"

    def __init__(self, server: nats.Nats) -> None:
        self._server = server
        self.url = server.bus_url

    def kill(self) -> int:
        pid = self._server.pid(1)
        self._server.kill(1)
        return pid

    def start(self) -> None:
        self._server.start(1)


@contextmanager
def _nats() -> Iterator[Broker]:
    from tests.services import nats, places  # noqa: PLC0415 (not installed with the demo)

    try:
        with nats.cluster() as server:
            yield NatsServer(server)
    except places.Missing as missing:
        raise BrokerMissing(str(missing)) from missing


@contextmanager
def _kinesis() -> Iterator[Broker]:
    from tests.services import kinesis, places  # noqa: PLC0415 (not installed with the demo)

    try:
        with kinesis.Kinesalite() as server:
            yield KinesisStandIn(server)
    except places.Missing as missing:
        raise BrokerMissing(str(missing)) from missing


@contextmanager
def _kafka() -> Iterator[Broker]:
    from tests.services import kafka, places  # noqa: PLC0415 (not installed with the demo)

    try:
        with kafka.cluster() as cluster:
            yield KafkaBroker(cluster)
    except places.Missing as missing:
        raise BrokerMissing(str(missing)) from missing


BUSES: dict[str, Callable[[], AbstractContextManager[Broker | None]]] = {
    "postgres": nullcontext,
    "kafka": _kafka,
    "kinesis": _kinesis,
    "nats": _nats,
}
"""The value of `make demo BUS=...` -> its broker. With postgres, commands travel through the store, and there is no broker."""
