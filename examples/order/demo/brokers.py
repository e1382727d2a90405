"""The outside buses that the demo can run over: servers on this machine, which can be killed.

They are brought up by the code that brings them up for the tests. It needs `make setup`, so it is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.services import kafka, kinesis


class BrokerMissing(Exception):
    """This machine lacks what the broker needs."""


class Broker(Protocol):
    """A server that carries the commands. It comes back on its data and at its address."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """Of the bus, as SAGA_BUS says it."""

    def kill(self) -> int:
        """kill -9; returns the pid that was."""

    def start(self) -> None:
        """Start it again; returns when it answers."""


class KafkaBroker:
    """One broker of Apache Kafka, from the jars of Maven Central: no Docker, but Java and Maven."""

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
    """Kinesalite, from the npm registry: no account of AWS, but Node. It has one thread, so it is asked ten times a second at most."""

    name = "kinesis stand-in"
    _URL = "kinesis://test:test@us-east-1?endpoint_url={endpoint}&shards=1&poll=100ms&idle=200ms&lease=2s"

    def __init__(self, server: kinesis.Kinesalite) -> None:
        self._server = server
        self.url = self._URL.format(endpoint=server.endpoint)

    def kill(self) -> int:
        return self._server.kill()

    def start(self) -> None:
        self._server.start()


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
}
"""What `make demo BUS=...` takes -> the broker. Over postgres, commands travel through the store: there is none to be killed."""
