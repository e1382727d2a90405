"""The site of a run: the servers, the networks before them, and the processes."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from saga_postgres.embedded.child import LOOPBACK, free_port
from tests.chaos import evidence
from tests.chaos.system import processes, provider
from tests.chaos.system.customer import NUMBERS_EACH, SUFFIX, is_attended
from tests.chaos.system.disk import Disk, NoDisk, disk
from tests.chaos.system.external_systems import ExternalSystem
from tests.chaos.system.postgres import Server
from tests.chaos.system.processes import Member
from tests.migrated import migrate_database
from tests.process.fleet import connected
from tests.runtime.world import Sql, until
from tests.services.proxy import Proxy

LEASE_SECONDS = 2.0
SETTINGS = {
    "SAGA_LEASE": f"{LEASE_SECONDS:.0f}",
    "SAGA_MARGIN": "0.5",
    "SAGA_REDRIVE": "2",
    "SAGA_HANDLER_CONNECTIONS": "24",
    "SAGA_DRAIN": "3",
    "SAGA_OUTAGE_GRACE": "60",
    "SAGA_LOG_FORMAT": "json",
}
GOODS = ("system.shop:books", "system.shop:stock", "waits.bookings:rooms")
MONEY = ("system.shop:money", "system.shop:desk", "waits.visas:visas")
DEFINITIONS = ["order", "gift", "parcel", "booking", "visa"]
PROGRESS_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Places:
    """The targets of faults beside the processes. Half of the processes reach the databases through a proxy, all reach the provider so."""

    store: Server
    stock: Server
    store_network: Proxy
    stock_network: Proxy
    provider_network: Proxy
    disk: Disk | None
    outside: ExternalSystem


@dataclass(slots=True)
class Site:
    """The servers and processes of a run, and its source of chance."""

    folder: Path
    places: Places
    chance: random.Random
    participants: list[Member]
    supervisors: list[Member]
    provider: Member
    customers: list[Member] = field(default_factory=list)
    no_disk: str = ""

    @property
    def members(self) -> list[Member]:
        return [self.provider, *self.participants, *self.supervisors, *self.customers]

    def looking(self) -> AbstractAsyncContextManager[Sql]:
        """Opens a connection to the store's tables."""
        return connected(self.places.store.url, search_path="saga")

    async def is_ready(self) -> bool:
        """Tells whether the shop's definitions are registered, so that sagas can be started."""
        async with self.looking() as sql:
            known = await sql.fetchval("select count(*) from definition where name = any ($1)", DEFINITIONS)
            return bool(known == len(DEFINITIONS))

    def are_attended(self) -> bool:
        """Tells whether every customer has taken over the sagas of its predecessors."""
        return all(is_attended(one.arguments[0], one.pid) for one in self.customers)

    async def ended(self) -> int:
        """The number of sagas that have ended."""
        async with self.looking() as sql:
            return int(await sql.fetchval("select count(*) from saga where ended_at is not null"))

    def told_bytes(self) -> int:
        """The number of answers to customers so far."""
        return sum(file.stat().st_size for file in self.folder.glob(f"*{SUFFIX}"))

    async def progress(self) -> float:
        """Waits until a customer gets an answer; returns the seconds that it took."""
        before = self.told_bytes()
        return await until(lambda: self.told_bytes() > before, "sagas go on", seconds=PROGRESS_SECONDS)

    def hire(self, rate: float, open_max: int) -> None:
        """Two customers who start `rate` sagas a second together."""
        for index in range(2):
            name = f"customer.{index}"
            environment = {**SETTINGS, **self.places.outside.settings, "SAGA_STORE": self.places.store.url}
            one = Member(
                name, processes.customer, self.folder / f"{name}{SUFFIX}", index * NUMBERS_EACH + 1, rate / 2, open_max // 2,
                log=self.folder / f"{name}.log", environment=environment,
            )  # fmt: skip
            one.start()
            self.customers.append(one)

    def replace(self, customer: Member) -> None:
        """Kills a customer; the next one begins with numbers of its own."""
        customer.kill()
        file, first, *rest = customer.arguments
        assert isinstance(first, int)
        customer.arguments = (file, first + 2 * NUMBERS_EACH, *rest)
        customer.start()


@contextlib.asynccontextmanager
async def site(folder: Path, seed: int, outside: ExternalSystem) -> AsyncIterator[Site]:
    """Starts the servers and the processes; at the end only the logs and records of the run are left."""
    async with contextlib.AsyncExitStack() as stack:
        no_disk, small = "", None
        try:
            small = stack.enter_context(disk())
        except NoDisk as error:
            no_disk = str(error)
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saga-chaos-", ignore_cleanup_errors=True)))
        data.chmod(0o755)  # noqa: ASYNC240 (servers have an account of their own)
        store, stock = Server((small.folder if small else data) / "store"), Server(data / "stock")
        for server in (store, stock):
            stack.push_async_callback(server.close)
            await server.start()
        await migrate_database(store.url)
        await evidence.prepare(store.url, stock.url)
        provider_port = free_port()
        networks = [Proxy.before(store.url), Proxy.before(stock.url), Proxy(LOOPBACK, provider_port)]
        for network in networks:
            stack.enter_context(network)
        places = Places(store, stock, networks[0], networks[1], networks[2], small, outside)
        made = _manned(folder, places, provider_port, seed)
        made.no_disk = no_disk
        stack.push_async_callback(_ended, made)
        for one in made.members:
            one.start()
        yield made


def _manned(folder: Path, places: Places, provider_port: int, seed: int) -> Site:
    """Yields the processes. Of every two with the same services, one reaches its databases through the networks that break, and one has no
    local socket.
    """
    direct = {
        **SETTINGS,
        **places.outside.settings,
        "SAGA_STORE": places.store.url,
        "STOCK_DB": places.stock.url,
        "PROVIDER": f"{LOOPBACK}:{places.provider_network.port}",
    }
    behind = {
        **direct,
        "SAGA_STORE": places.store_network.through(places.store.url),
        "STOCK_DB": places.stock_network.through(places.stock.url),
    }

    def made(name: str, environment: Mapping[str, str], *services: str) -> Member:
        log = folder / f"{name}.log"
        work = processes.participant if services else processes.supervisor
        return Member(name, work, *services, log=log, environment=environment)

    file, log = folder / provider.FILE, folder / "provider.log"
    provided = Member("provider", processes.run_provider, file, provider_port, log=log, environment={})
    return Site(
        folder=folder,
        places=places,
        chance=random.Random(seed),
        participants=[
            made("goods.0", direct, *GOODS),
            made("goods.1", behind, *GOODS),
            made("money.0", {**direct, "SAGA_LOCAL_SOCKET": "false"}, *MONEY),
            made("money.1", behind, *MONEY),
        ],
        supervisors=[made("supervisor.0", direct), made("supervisor.1", behind)],
        provider=provided,
    )


async def _ended(made: Site) -> None:
    for one in made.members:
        one.kill()
