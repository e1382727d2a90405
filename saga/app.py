"""The composition root: builds a running process from settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import overload
from urllib.parse import urlsplit

from saga import registry
from saga.client import Sagas, StoreSagas
from saga.client.remote.extra import check_installed
from saga.client.schedules.client import ScheduleClient
from saga.client.schedules.starting import ScheduledStarts
from saga.core.check.deployment import deployment_gaps
from saga.core.definition.contract import Contract
from saga.core.definition.narrowing import narrower
from saga.core.state.mode import Mode
from saga.errors import SagaError, UsageError
from saga.logger import get_logger
from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.ports.bus import Bus
from saga.ports.clock import SystemClock
from saga.ports.journal import Journal
from saga.ports.url.adapter_url import shown
from saga.runtime.bus.dispatcher import BusOptions
from saga.runtime.bus.signing import KeyRing
from saga.runtime.handlers.handler_caller import HandlerCaller
from saga.runtime.handlers.participant import STORE, Participant
from saga.runtime.journal_retention import JournalRetention, journal_retention_options
from saga.runtime.process import Process
from saga.runtime.served_services import ServedService
from saga.runtime.steps.bound_handler import BoundHandler
from saga.runtime.steps.runner import StepRunner
from saga.runtime.supervisor import Supervisor, SupervisorOptions
from saga.settings import Settings, load
from saga.telemetry.observation import observed, set_clock, telemetry, watch


class App(StoreSagas):
    """A connected process: starts sagas and serves participants."""

    def __init__(self, process: Process, settings: Settings) -> None:
        super().__init__(process)
        self.settings = settings
        self._journals: dict[str, Journal] = {}
        self._opened = AsyncExitStack()  # closes the journals

    @asynccontextmanager
    async def serve(self, *participants: Participant) -> AsyncIterator[App]:
        """Publishes the contracts of these participants and runs their steps, until the block ends.

        At the end nothing more begins. Running steps may finish for the setting `drain`; then they are cut off and given back.

        Raises:
            UsageError: two of them have the same service, or it is served already; or a database cannot be found.
            Conflict: a registered definition has another mode for a step.
        """
        names = [participant.service for participant in participants]
        if len(set(names)) < len(names):
            raise UsageError(f"two participants have the same service: {', '.join(names)}")
        services = self.process.services
        served: list[ServedService] = []
        try:
            for participant in participants:
                served.append(services.add(participant.service, participant.concurrency))
            contracts = [
                contract
                for participant, service in zip(participants, served, strict=True)
                for contract in await self._bind(participant, service)
            ]
            await self._name_narrower(contracts)
            await self.process.directory.publish(contracts)
            await self._check_deployment(names, contracts)
            capacity = sum(participant.concurrency for participant in participants)
            is_durable = any(contract.mode is Mode.EXTERNAL for contract in contracts)
            await services.serve(names, capacity, durable=is_durable)
            get_logger("saga").info(
                "serving",
                services=names,
                contracts=[f"{contract.name} ({contract.mode.name.lower()})" for contract in contracts],
            )
            yield self
        finally:
            await asyncio.shield(services.leave(served, self.settings.drain))

    async def _bind(self, participant: Participant, service: ServedService) -> list[Contract]:
        """Binds the handlers of a participant to the runners of their modes. Returns their contracts."""
        contracts, process = [], self.process
        inner_mode, inner = await self._runner(participant)
        for handler in participant.handlers.values():
            mode, runner = (Mode.EXTERNAL, process.runners.external) if handler.external else (inner_mode, inner)
            contracts.append(handler.contract(mode))
            bound = BoundHandler(handler, mode, runner, HandlerCaller(service.threads), service.slots)
            process.executor.serve(participant.service, handler.name, bound)
        return contracts

    async def _check_deployment(self, services: Sequence[str], contracts: Sequence[Contract]) -> None:
        """Logs what definitions in use need and this process lacks. Another build may serve it, or it was forgotten."""
        graphs = await self.process.directory.in_use(services)
        if gaps := list(deployment_gaps(graphs, services, {contract.name: contract for contract in contracts})):
            get_logger("saga").error(
                "this build lacks what definitions in use need",
                missing=gaps,
                remedy="keep a process of the older build running until these sagas have ended, or deploy a build that has it",
            )

    async def _name_narrower(self, contracts: Sequence[Contract]) -> None:
        """Warns of contracts that refuse what an older build accepted: sagas under way keep such inputs and results."""
        published = await self.process.directory.contracts()
        for contract in contracts:
            before = published.get(contract.name)
            if before is not None and (reasons := narrower(before, contract)):
                get_logger("saga").warning(
                    "contract is narrower than before; sagas under way may not fit it",
                    contract=contract.name,
                    reasons=reasons,
                    remedy="give new fields a default, or keep a process of the older build running until these sagas have ended",
                )

    async def _runner(self, participant: Participant) -> tuple[Mode, StepRunner]:
        """Returns how a participant's steps run: the store's own database makes them transactional, another one journaled."""
        runners = self.process.runners
        url = participant.database_url()
        if url is None:
            return Mode.EXTERNAL, runners.external
        with _naming(f"participant {participant.service}, database={participant.database_name()}"):
            if url == STORE or await self.process.adapter.is_same_database(url):
                return Mode.TRANSACTIONAL, runners.transactional
            if url not in self._journals:
                await self._open_journal(url, f"saga {participant.service}")
        return Mode.JOURNALED, runners.journaled(self._journals[url])

    async def _open_journal(self, url: str, application: str) -> None:
        background = self.process.background
        journal = registry.open_journal(url, self.settings.handler_connections, application)
        self._opened.push_async_callback(journal.close)
        await journal.open()
        self._journals[url] = journal
        options = journal_retention_options(self.settings.retention, self.settings.lease)
        retention = JournalRetention(journal, self.process.ledger, self.process.store_clock, options)
        self._opened.push_async_callback(background.cancel, [background.start(retention.run)])

    @cached_property
    def schedules(self) -> ScheduleClient:
        """The schedules of the installation."""
        return ScheduleClient(self)

    def supervisor(self) -> Supervisor:
        """A supervisor on the connections of this process. It does nothing until its `run` is awaited."""
        settings = self.settings
        url = (settings.election or settings.store).get_secret_value()
        options = SupervisorOptions(
            scan_seconds=settings.scan,
            outage_grace_seconds=settings.outage_grace,
            retention_seconds=settings.retention,
            history_days=settings.history / 86_400,
        )
        election = registry.open_election(url, settings.namespace)
        return Supervisor(self.process, election, self.process.clock, options, ScheduledStarts(self).start_due)

    @asynccontextmanager
    async def endpoint(self, supervisor: Supervisor | None = None) -> AsyncIterator[tuple[str, int] | None]:
        """Serves /livez, /readyz and /metrics at the address of the setting `http`, until the block ends. Yields that address.

        Raises:
            UsageError: the address is in use, or is not an address of this machine.
        """
        if self.settings.http is None:
            yield None
            return
        host, _, port = self.settings.http.rpartition(":")
        async with observed(self.process, supervisor, host.strip("[]"), int(port)) as address:
            yield address

    async def close(self) -> None:
        """Drain and leave: the steps that run may finish for the setting `drain`, then claims are given back.

        Every connection is closed, even if closing another one fails.
        """
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self.process.adapter.close)
            closing.push_async_callback(self._opened.aclose)
            closing.callback(self.process.loop_watch.stop)
            await self.process.stop(self.settings.drain)


@overload
def connect(
    *,
    store: str | None = None,
    bus: str | None = None,
    namespace: str | None = None,
    settings: Settings | None = None,
    name: str | None = None,
) -> AbstractAsyncContextManager[App]: ...


@overload
def connect(*, api: str, token: str | None = None) -> AbstractAsyncContextManager[Sagas]: ...


def connect(  # noqa: PLR0913 (two ways to connect)
    *,
    store: str | None = None,
    bus: str | None = None,
    namespace: str | None = None,
    settings: Settings | None = None,
    name: str | None = None,
    api: str | None = None,
    token: str | None = None,
) -> AbstractAsyncContextManager[App] | AbstractAsyncContextManager[Sagas]:
    """Connects to an installation: `async with saga.connect() as sagas`. Other settings come from saga.yaml and SAGA_*.

    `api`: the URL of its HTTP API, as `saga api` serves it. Then no credentials of the store are needed, only a `token`; the
    connection starts sagas, finds them and waits for them, but serves no participants. It needs the extra
    `saga-coordination[client]`.

    Raises:
        UsageError: a setting is missing or wrong, or a pooler in transaction mode is in the way.
        Unavailable, AccessRefused, SchemaMismatch: the store, or the API, cannot be used; the message says what to do.
    """
    given = {"store": store, "bus": bus, "namespace": namespace}
    if api is None:
        if token is not None:
            raise UsageError("connect() has a token=, which is for an API: give its address as api=")
        return _store_connected(given, settings, name)
    if mixed := [one for one, value in {**given, "settings": settings, "name": name}.items() if value is not None]:
        raise UsageError(
            f"connect() has api= and {'=, '.join(mixed)}=, which are for a connection to the store: leave one out"
        )
    check_installed()
    from saga.client.remote.sagas import connected  # noqa: PLC0415 (an extra)

    return connected(api, token)


@asynccontextmanager
async def _store_connected(
    given: Mapping[str, str | None], settings: Settings | None, name: str | None
) -> AsyncIterator[App]:
    if settings is None:
        settings = load(**given)
    elif both := [name for name, value in given.items() if value is not None]:
        raise UsageError(
            f"connect() has settings= and {'=, '.join(both)}=, which the settings contain: give one of them"
        )
    adapter = open_adapter(settings, name or "saga")
    await adapter.open()
    try:
        watched = telemetry(is_counting=settings.http is not None)
        outside = watch(await _outside_bus(adapter, settings), watched)
        options = BusOptions(await _old_buses(adapter, settings, outside), _keys(settings))
        process = Process(adapter, SystemClock(), outside, bus_options=options, name=name, telemetry=watched)
        set_clock(outside, process)
        await process.start()
    except BaseException:
        with contextlib.suppress(Exception):
            await adapter.close()
        raise
    app = App(process, settings)
    process.loop_watch.start()
    get_logger("saga").info(
        "connected", version=version("saga-coordination"), process=process.number, **described(settings)
    )
    try:
        yield app
    except BaseException:
        try:
            await asyncio.shield(app.close())
        except Exception:  # noqa: BLE001 (it must not take the place of the error that ended the block)
            get_logger("saga").exception("closing failed")
        raise
    await asyncio.shield(app.close())


def open_adapter(settings: Settings, application: str) -> StoreAdapter:
    """Opens the store of these settings. It is not connected yet."""
    options = StoreOptions(
        namespace=settings.namespace,
        lease_seconds=settings.lease,
        margin_seconds=settings.margin,
        redrive_seconds=settings.redrive,
        hot_connections_max=settings.connections,
        handler_connections_max=settings.handler_connections,
        application=application,
        local_socket=settings.local_socket,
    )
    return registry.open_store(settings.store.get_secret_value(), options)


async def _outside_bus(adapter: StoreAdapter, settings: Settings) -> Bus | None:
    """The bus, or None where commands travel through the store: also when the bus is the same database."""
    if settings.bus is None:
        return None
    url = settings.bus.get_secret_value()
    return None if await adapter.is_same_database(url) else registry.open_bus(url, settings.namespace)


async def _old_buses(adapter: StoreAdapter, settings: Settings, bus: Bus | None) -> list[Bus]:
    """The buses that are only read, each one once."""
    if settings.also_consume and bus is None:
        raise UsageError("also_consume needs a bus to move to: set `bus`; the queues of the store are always read")
    urls = dict.fromkeys(url.get_secret_value() for url in settings.also_consume if url != settings.bus)
    outside = [url for url in urls if not await adapter.is_same_database(url)]
    return [registry.open_bus(url, settings.namespace) for url in outside]


def _keys(settings: Settings) -> KeyRing | None:
    return (
        None
        if settings.signing is None
        else KeyRing.read(settings.signing.get_secret_value(), settings.signature_lifetime)
    )


def described(settings: Settings) -> dict[str, str]:
    """The store and the bus of a process, for the log, without secrets."""
    bus = "store" if settings.bus is None else urlsplit(settings.bus.get_secret_value()).scheme
    return {"store": shown(settings.store.get_secret_value()), "schema": settings.namespace, "bus": bus}


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Puts this place before the message of an error of Saga."""
    try:
        yield
    except SagaError as error:
        raise type(error)(f"{place}: {error}") from error
