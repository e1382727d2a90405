"""Buses and elections outside the store, by the names in `make chaos BUS=... ELECTION=...`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.chaos.system.postgres import Server
from tests.election.election_servers import ELECTION_SERVERS
from tests.kafka.poison import write_unreadable
from tests.migrated import migrate_database
from tests.nats.poison import write_strange
from tests.services import kafka, kinesis, nats

if TYPE_CHECKING:
    from tests.chaos.system.site import Site

KINESIS_OPTIONS: Final = "create=yes&shards=2&poll=100ms&idle=300ms&lease=2s&timeout=2s&publish_timeout=3s"
FROZEN_SECONDS: Final = 3.0

Fault: TypeAlias = Callable[["Site"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ExternalSystem:
    """Additions to the environment of every process, and the faults of the servers (name -> fault and recovery)."""

    settings: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)

    def __or__(self, other: ExternalSystem) -> ExternalSystem:
        return ExternalSystem({**self.settings, **other.settings}, {**self.faults, **other.faults})


@contextlib.asynccontextmanager
async def _store() -> AsyncIterator[ExternalSystem]:
    """Nothing outside the store: commands travel through it, and leases are its rows."""
    yield ExternalSystem()


@contextlib.asynccontextmanager
async def _postgres_bus() -> AsyncIterator[ExternalSystem]:
    with tempfile.TemporaryDirectory(prefix="saga-chaos-bus-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # noqa: ASYNC240 (servers have an account of their own)
        async with _bus_on(Server(folder)) as outside:
            yield outside


@contextlib.asynccontextmanager
async def _bus_on(server: Server) -> AsyncIterator[ExternalSystem]:
    try:
        await server.start()
        await migrate_database(server.url)

        async def stop(_ground: Site) -> None:
            await server.crash()
            await server.start()

        async def terminate(_ground: Site) -> None:
            await server.terminate_backends(3)

        yield ExternalSystem({"SAGA_BUS": server.url}, {"bus stopped": stop, "bus backends terminated": terminate})
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _kafka_bus() -> AsyncIterator[ExternalSystem]:
    with kafka.cluster() as cluster:

        async def kill(_ground: Site) -> None:
            await asyncio.to_thread(cluster.kill, 1)
            await asyncio.to_thread(cluster.start, 1)

        async def freeze(_ground: Site) -> None:
            cluster.freeze(1)
            try:
                await asyncio.sleep(FROZEN_SECONDS)
            finally:
                cluster.thaw(1)

        async def write_poison(_ground: Site) -> None:
            await write_unreadable(cluster.servers)

        url = f"{cluster.url}&session=6s"
        faults = {"kafka broker killed": kill, "kafka broker frozen": freeze, "kafka poison written": write_poison}
        yield ExternalSystem({"SAGA_BUS": url}, faults)


@contextlib.asynccontextmanager
async def _kinesis() -> AsyncIterator[ExternalSystem]:
    """A stand-in for Kinesis. Its leases are beside the saga tables, so that faults of the store hit them too."""
    with kinesis.Kinesalite() as server:

        async def kill(_ground: Site) -> None:
            server.kill()
            server.start()

        async def freeze(site: Site) -> None:
            server.signal(signal.SIGSTOP)
            await asyncio.sleep(site.chance.uniform(0.5, FROZEN_SECONDS))
            server.signal(signal.SIGCONT)

        async def expire(_ground: Site) -> None:
            server.expire_iterators()

        url = f"kinesis://test:test@us-east-1?endpoint_url={server.endpoint}&{KINESIS_OPTIONS}"
        yield ExternalSystem(
            {"SAGA_BUS": url},
            {"kinesis killed": kill, "kinesis frozen": freeze, "kinesis iterators expired": expire},
        )


@contextlib.asynccontextmanager
async def _nats_bus() -> AsyncIterator[ExternalSystem]:
    """Three servers: each message has three copies, so that one server may be killed or frozen at any time."""
    with nats.cluster(nats.Shape(nodes=3)) as cluster:

        async def kill(site: Site) -> None:
            node = site.chance.randint(1, 3)
            await asyncio.to_thread(cluster.kill, node)
            await asyncio.sleep(site.chance.uniform(0.0, FROZEN_SECONDS))
            await asyncio.to_thread(cluster.start, node)

        async def kill_all(_ground: Site) -> None:
            await asyncio.to_thread(cluster.kill)
            await asyncio.to_thread(cluster.start)

        async def freeze(site: Site) -> None:
            node = site.chance.randint(1, 3)
            cluster.freeze(node)
            try:
                await asyncio.sleep(FROZEN_SECONDS)
            finally:
                cluster.thaw(node)

        async def write_poison(_ground: Site) -> None:
            await write_strange(cluster.url)

        faults = {
            "nats server killed": kill,
            "nats cluster killed": kill_all,
            "nats server frozen": freeze,
            "nats poison written": write_poison,
        }
        yield ExternalSystem({"SAGA_BUS": f"{cluster.bus_url}&ack_wait=2s"}, faults)


def _elected_by(name: str) -> Opened:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[ExternalSystem]:
        with ELECTION_SERVERS[name](1) as site:

            async def crash(_ground: Site) -> None:
                site.crash()

            yield ExternalSystem({"SAGA_ELECTION": site.url}, {"election servers killed": crash})

    return opened


Opened: TypeAlias = Callable[[], AbstractAsyncContextManager[ExternalSystem]]
BUSES: Final[Mapping[str, Opened]] = MappingProxyType(
    {"store": _store, "postgres": _postgres_bus, "kafka": _kafka_bus, "kinesis": _kinesis, "nats": _nats_bus}
)
ELECTIONS: Final[Mapping[str, Opened]] = MappingProxyType(
    {"store": _store, "etcd": _elected_by("etcd"), "zookeeper": _elected_by("zookeeper")}
)
"""Name -> its servers. A server that this machine lacks raises Missing."""
