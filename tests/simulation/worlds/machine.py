"""A process on a machine that can be killed, frozen and started again. All of it is production code except its ports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from saga.client import StoreSagas
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.core.state.mode import Mode
from saga.errors import SagaError, Unavailable
from saga.memory.adapter import MemoryAdapter
from saga.memory.bus import MemoryBus
from saga.memory.election import MemoryElection
from saga.memory.journal import MemoryJournal
from saga.runtime.handlers.handler_caller import HandlerCaller
from saga.runtime.handlers.handler_threads import HandlerThreads
from saga.runtime.handlers.participant import STORE, Participant
from saga.runtime.journal_retention import JournalRetention
from saga.runtime.process import Process
from saga.runtime.steps.bound_handler import BoundHandler
from saga.runtime.steps.runner import StepRunner
from saga.runtime.supervisor import Supervisor
from saga.runtime.timing.fair_gate import FairGate
from saga.testing.clocks.virtual_loop import Host
from saga.testing.faults.bus import FaultyBus
from saga.testing.faults.election import FaultyElection
from saga.testing.faults.journal import FaultyJournal
from saga.testing.faults.store import FaultyAdapter, Session
from tests.simulation.seeds.chance import CRASH, FROZEN, LOST, SLOW, STALE, UNKNOWN, Drawn, Menu
from tests.simulation.worlds.clocks import MachineClock
from tests.simulation.worlds.database import WatchedStore

if TYPE_CHECKING:
    from tests.simulation.worlds.world import World

CONCURRENCY: Final = 8
FROZEN_SECONDS_MAX: Final = 5.0
REBOOT_SECONDS_MAX: Final = 1.2

# The name of a point seeds its random stream. Calls that were renamed keep the stream of their old name, so that each
# recorded seed goes on drawing the faults that it was recorded with.
STREAM_NAMES: Final = {"heartbeat": "beat", "poll": "pull", "statuses": "standings"}


class SimulatedSagas(StoreSagas):
    """The client, with ids that are derived from the seed."""

    def __init__(self, process: Process, world: World) -> None:
        super().__init__(process)
        self._world = world

    def new_id(self) -> UUID:
        noise = self._world.chance.stream("ids").randbytes(RANDOM_BYTES)
        return uuid7(int(self._world.database.epoch_now() * 1000), noise)


@dataclass(frozen=True, slots=True)
class Role:
    """The role of a machine: the services that it serves, and whether it campaigns."""

    name: str
    services: tuple[str, ...]
    is_supervisor: bool
    is_faulty: bool = True


class Machine:
    """Boots a process, and boots it again after a crash."""

    def __init__(self, world: World, role: Role) -> None:
        self.world = world
        self.role = role
        self.boots = 0
        self.host = Host(role.name)
        self.clock = MachineClock(world.loop, world.chance.stream(f"{role.name} zero").uniform(0, 1000))
        self.adapter: FaultyAdapter | None = None
        self.journal: FaultyJournal | None = None
        self.sagas: SimulatedSagas | None = None  # while it is running

    def boot(self) -> None:
        world = self.world
        self.boots += 1
        self.host = Host(f"{self.role.name}.{self.boots}")
        world.machines_by_host[self.host] = self
        session = Session(world.loop, _Faults(self), self.clock, world.database.now)
        self.adapter = FaultyAdapter(self.store_adapter(), session)
        self.journal = FaultyJournal(MemoryJournal(world.service_database), session)
        world.loop.run_as(self.host, self._live(self.adapter, session))

    def store_adapter(self) -> MemoryAdapter:
        """The store as its process sees it, without faults."""
        adapter = MemoryAdapter(self.world.database, self.world.options)
        adapter.store = WatchedStore(self.world.database, self.world.options)
        return adapter

    def participant(self, service: str) -> Participant:
        """The handlers of a service that its build has."""
        return self.world.participants[service]

    async def _live(self, adapter: FaultyAdapter, session: Session) -> None:
        world = self.world
        bus = None
        if world.broker is not None:
            bus = FaultyBus(MemoryBus(world.broker), world.loop, _Faults(self), world.arrivals)
        process = Process(adapter, self.clock, bus, name=self.host.name)
        try:
            await process.start()
            await self._serve(process)
        except SagaError as error:
            world.observer.record(f"{self.host.name} cannot start: {error}")
            self.kill()
            return
        self.sagas = SimulatedSagas(process, world)
        if self.role.is_supervisor:
            election = FaultyElection(MemoryElection(world.database, world.election_seconds), session)
            supervisor = Supervisor(process, election, self.clock, world.supervisor_options)
            await supervisor.run()
        await asyncio.get_running_loop().create_future()

    async def _serve(self, process: Process) -> None:
        if not self.role.services:
            return
        participants = [self.participant(service) for service in self.role.services]
        is_durable = False
        for participant in participants:
            mode = _mode(participant)
            is_durable = is_durable or mode is Mode.EXTERNAL
            slots, runner = FairGate(CONCURRENCY), self._runner(process, mode)
            threads = HandlerThreads(
                participant.service, lambda _: None
            )  # all handlers are asynchronous: it starts none
            for handler in participant.handlers.values():
                bound = BoundHandler(handler, mode, runner, HandlerCaller(threads), slots)
                process.executor.serve(participant.service, handler.name, bound)
        if self.world.keeper_options is not None and self.journal is not None:
            keeper = JournalRetention(self.journal, process.ledger, process.store_clock, self.world.keeper_options)
            self.world.loop.run_as(self.host, keeper.run())
        await process.services.serve(self.role.services, self.world.capacity * len(participants), durable=is_durable)

    def _runner(self, process: Process, mode: Mode) -> StepRunner:
        if mode is Mode.JOURNALED:
            assert self.journal is not None
            return process.runners.journaled(self.journal)
        return process.runners.external if mode is Mode.EXTERNAL else process.runners.transactional

    # -- faults ---------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """Ends it as kill -9 or a power failure does; it is started again after some time."""
        if self.host.is_dead:
            return
        world = self.world
        world.observer.record(f"{self.host.name} is killed")
        world.loop.kill(self.host)
        self.sagas = None
        self._abort()
        seconds = world.chance.stream(f"{self.role.name} reboot").uniform(0.05, REBOOT_SECONDS_MAX)
        world.later(seconds, self.boot)

    def _abort(self) -> None:
        assert self.adapter is not None
        assert self.journal is not None
        self.adapter.kill()
        self.journal.abort()

    def cut(self) -> None:
        """Breaks its connections, because the database crashes."""
        if self.adapter is not None and not self.host.is_dead:
            self.adapter.cut()

    def freeze(self, seconds: float) -> None:
        """Freezes it as SIGSTOP or a paused virtual machine does: it wakes up late and does not notice."""
        host, world = self.host, self.world
        if host.is_frozen:
            return
        world.observer.record(f"{host.name} is frozen for {seconds:.2f} s")
        world.loop.freeze(host)
        world.later(seconds, lambda: self.thaw(host))

    def thaw(self, host: Host) -> None:
        if not host.is_dead and host.is_frozen:
            self.world.observer.record(f"{host.name} goes on")
            self.world.loop.thaw(host)

    async def strike(self, kind: str, share: float) -> None:
        """Kills or freezes it from within."""
        if kind == CRASH:
            self.kill()
        else:
            self.freeze(0.1 + share * FROZEN_SECONDS_MAX)
        await asyncio.sleep(0)  # which is never, or late


class _Faults:
    """The faults at the boundaries of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._chance = machine.world.chance
        self._menus = machine.world.menus
        if machine.role.is_supervisor:
            self._menus = {**self._menus, "overdue:after": machine.world.stale_menu}
        self._is_faulty = machine.role.is_faulty
        self._places: dict[str, str] = {}

    def at(self, point: str) -> Callable[[], Awaitable[None]] | None:
        if not self._is_faulty or self._chance.is_over:
            return None
        menu = self._menus.get(point)
        if menu is None:
            return None
        place = self._places.get(point)
        if place is None:
            call, side = point.split(":")
            place = self._places[point] = f"{self._machine.role.name}, {STREAM_NAMES.get(call, call)}:{side}"
        drawn = self._chance.draw(place, menu)
        if drawn is None:
            return None
        self._chance.points[point] += 1
        return lambda: self._strike(point, drawn)

    async def _strike(self, point: str, drawn: Drawn) -> None:
        machine = self._machine
        machine.world.observer.record(f"{machine.host.name}, {point}: {drawn.what}")
        if drawn.kind in (CRASH, FROZEN):
            await machine.strike(drawn.kind, drawn.share)
        elif drawn.kind in (SLOW, STALE):
            longest = machine.world.slow_seconds if drawn.kind == SLOW else FROZEN_SECONDS_MAX
            await asyncio.sleep(0.01 + drawn.share**2 * longest)
        else:
            raise Unavailable(drawn.what)


def boundary_menus(scale: float, frozen_claims: float) -> dict[str, Menu]:
    """The faults at the calls of store, journal, bus and election.

    `scale` multiplies all probabilities except that of a process which is frozen with claims that it has just received.
    """
    menus: dict[str, Menu] = {}
    for call, plain_rate in _RATES.items():
        rate = plain_rate * scale
        menus[f"{call}:before"] = (
            (CRASH, "is killed", rate * 0.5),
            (LOST, "connection lost", rate),
            (SLOW, "slow", rate),
            (FROZEN, "is frozen", rate * 0.3),
        )
        menus[f"{call}:after"] = (
            (CRASH, "is killed", rate * 0.5),
            (UNKNOWN, "answer lost", rate),
            (SLOW, "slow answer", rate * 0.3),
            (FROZEN, "is frozen", rate * 0.3),
        )
    for point in ("poll:after", "fetch:after", "admit:after"):
        menus[point] = (*menus[point], (FROZEN, "is frozen with its claims", frozen_claims))
    return menus


def stale_menu(scale: float) -> Menu:
    """The faults of a supervisor that has just read the overdue sagas."""
    return ((STALE, "reads, and goes on late", 0.2 * scale), (CRASH, "is killed", 0.005 * scale))


_RATES: Final = {
    "start": 0.06, "commit": 0.03, "poll": 0.03, "admit": 0.03, "fetch": 0.03, "overdue": 0.006, "extend": 0.25,
    "join": 0.02, "heartbeat": 0.003, "statuses": 0.03, "step": 0.04, "journal": 0.04, "publish": 0.03,
    "lead": 0.05, "campaign": 0.02, "renew": 0.02,
    "send": 0.08, "wake": 0.15, "first": 0.03,
}  # fmt: skip


def _mode(participant: Participant) -> Mode:
    if participant.database is None:
        return Mode.EXTERNAL
    return Mode.TRANSACTIONAL if participant.database == STORE else Mode.JOURNALED
