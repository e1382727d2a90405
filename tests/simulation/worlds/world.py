"""One world: the machines, sagas, faults and operators of a seed."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from saga.memory.bus import Broker
from saga.memory.data.commands import CommandRow
from saga.memory.directory import MemoryDirectory
from saga.memory.journal import ServiceDatabase
from saga.ports.adapter import StoreOptions
from saga.ports.bus import Message
from saga.ports.values.claim import Claim
from saga.runtime.journal_retention import JournalRetentionOptions
from saga.runtime.supervisor import SupervisorOptions
from saga.testing.clocks.virtual_loop import OUTSIDE, Host, Standstill, VirtualLoop, current_host
from tests.simulation.seeds import chance as chance_kinds
from tests.simulation.seeds.chance import DELAY, DROP, DUPLICATE, REORDER, Chance, Edits, Injected
from tests.simulation.seeds.plan import Plan, SagaPlan, TimedFault
from tests.simulation.worlds.audited import AuditWatch
from tests.simulation.worlds.clocks import MachineClock
from tests.simulation.worlds.database import WatchedDatabase
from tests.simulation.worlds.machine import Machine, Role, _mode, boundary_menus, stale_menu
from tests.simulation.worlds.observer import Observer
from tests.simulation.worlds.operators import Operators
from tests.simulation.worlds.provider import Provider
from tests.simulation.worlds.services import Services

CALM_SECONDS_MAX: Final = 120.0
REORDER_SECONDS: Final = 0.03
DELAY_SECONDS_MAX: Final = 2.0


@dataclass(slots=True)
class Report:
    """The result of a seed. `violation` is the name of the broken invariant; empty: none broke. `waits`: counts of events and waits."""

    seed: int
    violation: str
    text: str
    faults: Counter[str]
    points: Counter[str]
    rows: Counter[str]
    outcomes: Counter[str]
    injected: list[Injected]
    trace: str
    virtual_seconds: float
    story: list[tuple[float, str]] = field(default_factory=list)
    waits: Counter[str] = field(default_factory=Counter)


class World:
    def __init__(self, loop: VirtualLoop, plan: Plan, chance: Chance, edits: Edits) -> None:
        self.loop = loop
        self.plan = plan
        self.chance = chance
        self.edits = edits
        self.observer = Observer(loop.time, loop.stop)
        self.observer.plans = {definition.name: definition for definition in plan.definitions}
        store_clock = MachineClock(loop, 0.0)
        self.store_clock = store_clock
        self.database = WatchedDatabase(loop, store_clock, self._notifications, self)
        self.service_database = ServiceDatabase()
        self.broker = Broker() if plan.has_bus else None
        self.options = StoreOptions(
            lease_seconds=plan.lease_seconds, margin_seconds=plan.margin_seconds, redrive_seconds=plan.redrive_seconds
        )
        self.supervisor_options = SupervisorOptions(scan_seconds=0.5, outage_grace_seconds=plan.outage_grace_seconds)
        self.keeper_options: JournalRetentionOptions | None = plan.keeper
        self.election_seconds = 2.0
        self.capacity = plan.capacity
        self.slow_seconds = plan.slow_seconds
        self.menus = boundary_menus(plan.scale, plan.frozen_claims)
        self.stale_menu = stale_menu(plan.scale)
        self.machines_by_host: dict[Host | None, Machine] = {}
        self.provider = Provider(loop, chance, self.observer, self.strike, plan.margin_seconds)
        self.participants = self.make_services(plan).participants(list(plan.definitions))
        self.machines = [self.make_machine(role) for role in plan.roles]
        self.sagas: dict[int, UUID] = {}
        self.definitions = {definition.name: definition.written() for definition in plan.definitions}
        self.people = Operators(self)
        self._read = 0  # lines of history
        self._audit_watch = AuditWatch(self.database, self.observer)

    def make_services(self, plan: Plan) -> Services:
        """The services of the world."""
        return Services(self.chance, self.observer, self.provider, plan.rates, self.strike)

    def make_machine(self, role: Role) -> Machine:
        """A machine of the world."""
        return Machine(self, role)

    # -- for the machines and the database --------------------------------------------------------------------------------------------

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Calls something later that belongs to no machine."""
        self.loop.call_later(seconds, do, context=OUTSIDE.copy())

    async def strike(self, kind: str, share: float) -> None:
        """Kills or freezes the machine that runs this."""
        await self.machines_by_host[current_host()].strike(kind, share)

    def arrivals(self, message: Message) -> list[float]:
        """Returns the delays of the deliveries of a message on the outside bus."""
        return self._arrivals(f"bus, {message.topic}")

    def _notifications(self, what: str) -> list[float]:
        return self._arrivals(f"notification, {what}")

    def _arrivals(self, place: str) -> list[float]:
        drawn = self.chance.draw(place, self.plan.message_menu)
        if drawn is None:
            return [0.0]
        self.observer.record(f"{place}: {drawn.what}")
        return {
            DROP: [],
            DUPLICATE: [0.0, drawn.share * DELAY_SECONDS_MAX],
            REORDER: [drawn.share * REORDER_SECONDS],
            DELAY: [REORDER_SECONDS + drawn.share * DELAY_SECONDS_MAX],
        }[drawn.kind]

    def claimed(self, row: CommandRow) -> None:
        """Records a claim in the store, which the state vector may still refuse."""
        saga = self.database.sagas[row.ref.saga]
        graph = self.database.definitions[saga.definition].graph
        self.observer.claimed(graph, row.ref.step, row.operation)

    def received(self, claims: Sequence[Claim]) -> None:
        """Records the claims that a process has received."""
        for claim in claims:
            phase = self.database.sagas[claim.saga].state.phase
            if phase.is_terminal:
                number = int(self.database.sagas[claim.saga].input)
                self.observer.broken(
                    "I6", f"step {claim.step} of saga {number} was claimed after the saga was {phase.name}"
                )

    def redriven(self) -> None:
        """Counts a redrive (E11)."""
        self.observer.rows["E11"] += 1

    def committed(self, saga: UUID) -> None:
        """Checks a saga's row after a transaction."""
        row = self.database.sagas.get(saga)
        if row is None:
            return
        if saga not in self.observer.sagas:
            self.observer.started(saga, int(row.input), self.database.definitions[row.definition].graph)
        self.observer.committed(saga, row.state, row.version)
        new = list(islice(self.database.history, self._read, None))
        self._read += len(new)
        self.observer.rows["E10o"] += sum("by an operator" in row.entry.kind for row in new)
        self._audit_watch.committed(new)

    # -- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        main = self.loop.run_outside(self._main())
        main.add_done_callback(lambda _: self.loop.stop())
        try:
            self.loop.run_forever()
        except Standstill as error:
            self.observer.broken("L1", str(error))
        if main.done():
            main.result()

    async def _main(self) -> None:
        await self._register()
        for machine in self.machines:
            machine.boot()
        for saga in self.plan.sagas:
            if saga.number not in self.edits.sagas:
                self.loop.begin_outside(self._start(saga.number))
        for fault in self.plan.timed:
            self.later(fault.at, partial(self._happen, fault))
        people = self.loop.run_outside(self.people.run())
        await asyncio.sleep(self.plan.storm_seconds)
        people.cancel()
        self._calm()
        await self._until_settled()
        if self.plan.has_patient_people:
            await self._until_ended()
        await asyncio.sleep(self.plan.purge_seconds)

    async def _register(self) -> None:
        directory = MemoryDirectory(self.database)
        await directory.publish(
            [
                handler.contract(_mode(participant))
                for participant in self.participants.values()
                for handler in participant.handlers.values()
            ]
        )
        contracts = await directory.contracts()
        for definition in self.definitions.values():
            await directory.register(definition.graph(contracts), None, activate=True, overwrite=False)

    def _planned(self, number: int) -> SagaPlan:
        return next(saga for saga in self.plan.sagas if saga.number == number)

    async def _start(self, number: int) -> None:
        saga = self._planned(number)
        await asyncio.sleep(saga.at)
        while number not in self.sagas:
            desk = self.machines[0]
            if desk.sagas is not None:
                self.loop.run_as(desk.host, self._start_at(desk, number))
            await asyncio.sleep(3.0)

    async def _start_at(self, desk: Machine, number: int) -> None:
        plan = self._planned(number)
        sagas = desk.sagas
        assert sagas is not None
        handle = await sagas.start(plan.definition, number, key=f"k{number}")
        if self.sagas.setdefault(number, handle.id) != handle.id:
            self.observer.broken("E1", f"saga {number} was started twice under one key")
        ending = await handle.result()
        phase = self.observer.sagas[handle.id].state.phase
        if ending.status != phase.name.lower():
            self.observer.broken("I5", f"saga {number} was said to be {ending.status}, and is {phase.name}")
        self.observer.rows["E12"] += 1

    def _calm(self) -> None:
        """Stops the faults: frozen machines continue, dead ones are started again."""
        self.observer.record("faults stop")
        self.chance.is_over = True
        for machine in self.machines:
            machine.thaw(machine.host)

    def _happen(self, fault: TimedFault) -> None:
        """Injects a planned fault."""
        if not self.chance.planned(fault.name, fault.kind):
            return
        self.observer.record(fault.name)
        machine = self.machines[fault.machine % len(self.machines)]
        match fault.kind:
            case chance_kinds.CRASH:
                machine.kill()
            case chance_kinds.FROZEN:
                machine.freeze(fault.seconds)
            case chance_kinds.CLOCK if fault.machine < 0:
                self.store_clock.jump(fault.seconds)
            case chance_kinds.CLOCK:
                machine.clock.jump(fault.seconds)
            case chance_kinds.STALE:
                self._elect_another()
            case chance_kinds.DATABASE:
                lost = self.database.watched.lose()
                self.observer.record(f"the database is back, {lost} claims are lost")
                for each in self.machines:
                    each.cut()

    def _elect_another(self) -> None:
        """Ends the leader's lease while the leader still trusts it."""
        term = self.database.term
        term.holder, term.ends_at = None, -math.inf
        changed, term.changed = term.changed, asyncio.Event()
        changed.set()

    async def _until_ended(self) -> None:
        """Checks L2: if operators retry every step and leave nothing paused, every saga ends."""
        waited = 0.0
        while not self._is_settled(is_stuck_enough=False):
            await self.people.resume_all()
            await self.people.finish_all()
            await asyncio.sleep(0.5)
            waited += 0.5
            if waited > CALM_SECONDS_MAX:
                self.observer.broken("L2", "with an operator who retries, a saga does not end")
                return

    async def _until_settled(self) -> None:
        waited = 0.0
        while waited < CALM_SECONDS_MAX:
            await self.people.resume_all()
            if self._is_settled():
                return
            await asyncio.sleep(0.5)
            waited += 0.5
        names = [str(number) for number, saga in self.sagas.items() if not self._has_settled(saga)]
        self.observer.broken("L1", f"sagas {', '.join(names)} neither ended nor wait for a person")

    def _is_settled(self, *, is_stuck_enough: bool = True) -> bool:
        wanted = [saga.number for saga in self.plan.sagas if saga.number not in self.edits.sagas]
        return all(
            number in self.sagas and self._has_settled(self.sagas[number], is_stuck_enough=is_stuck_enough)
            for number in wanted
        )

    def _has_settled(self, saga: UUID, *, is_stuck_enough: bool = True) -> bool:
        row = self.database.sagas.get(saga)
        return row is None or row.state.phase.is_terminal or (is_stuck_enough and row.state.is_stuck)

    def report(self) -> Report:
        violation = self.observer.violation
        outcomes: Counter[str] = Counter()
        for saga in self.sagas.values():
            state = self.observer.sagas[saga].state
            outcomes["stuck" if not state.phase.is_terminal else state.phase.name.lower()] += 1
        return Report(
            seed=self.chance.seed,
            violation="" if violation is None else violation.name,
            text="" if violation is None else violation.text,
            faults=self.chance.counts,
            points=self.chance.points,
            rows=self.observer.rows,
            outcomes=outcomes,
            injected=self.chance.injected,
            trace=self.observer.trace,
            virtual_seconds=self.loop.time(),
            story=self.observer.story or [],
        )
