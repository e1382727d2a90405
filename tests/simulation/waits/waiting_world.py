"""Worlds of sagas that wait for events, for time and for completions, and of the senders of these."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Final
from uuid import UUID

from saga.core.definition.step import Wait
from saga.errors import SagaError
from saga.history import verify
from saga.memory.adapter import MemoryAdapter
from saga.runtime.handlers.answers import Pending
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_shape import Handler
from saga.testing.clocks.virtual_loop import VirtualLoop
from tests.simulation.seeds.chance import OUTAGE, Chance, Edits
from tests.simulation.seeds.plan import Plan, TimedFault
from tests.simulation.seeds.waits import CANCELLING, NAMES, waiting_plan_of
from tests.simulation.waits.inbox_watch import EXTENDED, REPEATED, InboxWatch
from tests.simulation.worlds.definitions import DefinitionPlan
from tests.simulation.worlds.machine import SimulatedSagas
from tests.simulation.worlds.services import Rates, Services, Step, Value
from tests.simulation.worlds.world import Report, World

EVENTS: Final = 5
"""Maximum number of events that are sent to a saga while faults happen."""
LOOK_SECONDS: Final = 0.5
PENDING: Final = 0.35
"""The share of the external steps that another system completes."""
PENDING_SECONDS: Final = 1.5
LATEST_SECONDS: Final = 2.5
"""A completion comes at most this long after its handler has ended, which may be too late."""
LOST: Final = 0.15
CANCELS: Final = 0.3
Send = Callable[[SimulatedSagas], Coroutine[None, None, object]]


class WaitingWorld(World):
    """The senders send early, late, twice and to the wrong time; at the end they send whatever is still waited for."""

    def __init__(self, loop: VirtualLoop, seed: int, edits: Edits) -> None:
        super().__init__(loop, waiting_plan_of(seed), Chance(seed, edits), edits)
        self.inbox_watch = InboxWatch(self.database, self.observer)
        self._last = 0

    def make_services(self, plan: Plan) -> Services:
        return WaitingServices(self, plan.rates)

    def committed(self, saga: UUID) -> None:
        seen, row = self.observer.sagas.get(saga), self.database.sagas.get(saga)
        before = None if seen is None else seen.state.vector
        super().committed(saga)
        if row is not None:
            self.inbox_watch.committed(saga, row, before or "P" * len(row.state.vector))

    def report(self) -> Report:
        report = super().report()
        report.waits = self.inbox_watch.counts + Counter({EXTENDED: len(self.database.watched.moved)})
        return report

    def _happen(self, fault: TimedFault) -> None:
        if fault.kind != OUTAGE:
            super()._happen(fault)
        elif self.chance.planned(fault.name, fault.kind):
            for machine in self.machines:
                if machine.role.is_supervisor:
                    machine.freeze(fault.seconds)

    async def _main(self) -> None:
        for saga in self.plan.sagas:
            if saga.number not in self.edits.sagas:
                self.loop.begin_outside(self._send_to(saga.number, saga.at))
        await super()._main()
        await self._verify()

    async def _send_to(self, number: int, at: float) -> None:
        """The sender of one saga. It knows the saga by its start key, and sends before it has begun, too."""
        random = self.chance.stream(f"sender {number}")
        names = [random.choice(NAMES) for _ in range(random.randrange(EVENTS + 1))]
        names += [CANCELLING] * (random.random() < CANCELS and self._can_be_cancelled(number))
        moments = sorted(at + random.uniform(0.0, self.plan.storm_seconds - at) for _ in names)
        for event, (name, moment) in enumerate(zip(names, moments, strict=True)):
            await asyncio.sleep(max(0.0, moment - self.loop.time()))
            for _ in range(random.choice((1, 1, 2, 3))):
                self._send(number, name, f"{number}.{event}")
                await asyncio.sleep(random.choice((0.0, 0.0, 0.3)))

    def _can_be_cancelled(self, number: int) -> bool:
        return self.observer.plans[self._planned(number).definition].cancelling is not None

    def _send(self, number: int, name: str, event: str) -> None:
        """Sends an event, whose payload is its id. If the process dies or loses its connection, nobody sends it again."""

        async def send(sagas: SimulatedSagas) -> None:
            sent = await sagas.send((self._planned(number).definition, f"k{number}"), name, event, id=event)
            self.inbox_watch.counts[REPEATED] += not sent.is_new

        self.desk(f"the event {name}, {event}", send)

    def desk(self, what: str, do: Send) -> None:
        """Does something at the desk, if its process is running."""
        desk = self.machines[0]
        if desk.sagas is not None:
            self.loop.run_as(desk.host, self._try(desk.sagas, what, do))

    async def _try(self, sagas: SimulatedSagas, what: str, do: Send) -> None:
        self.observer.record(what)
        try:
            await do(sagas)
        except SagaError as error:
            self.observer.record(f"{what}: {type(error).__name__}")

    async def _until_settled(self) -> None:
        feeding = self.loop.run_outside(self._feed())
        await super()._until_settled()
        if not self.plan.has_patient_people:
            feeding.cancel()

    async def _feed(self) -> None:
        """Sends what is waited for without a timeout. An event that is there must be noticed without a further one."""
        while True:
            for number, saga in self.sagas.items():
                row = self.database.sagas[saga]
                graph = self.database.definitions[row.definition].graph
                for step, letter in zip(graph.steps, row.state.vector, strict=True):
                    is_fed = letter == "D" and isinstance(step, Wait) and step.wait_ms is None and not step.cancels
                    if is_fed and isinstance(step, Wait) and self.database.inbox.first(saga, step.names) is None:
                        self._last += 1
                        self._send(number, step.names[-1], f"{number}.last.{self._last}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _verify(self) -> None:
        """The independent checker finds the history of every saga as the protocol wants it."""
        verdict = await verify(MemoryAdapter(self.database, self.options).listing)
        for breach in verdict.findings:
            self.observer.broken("HISTORY", str(breach))

    # -- completion from outside ------------------------------------------------------------------------------------

    def complete(self, place: str, token: str, how: str, result: str) -> None:
        """The other system says how a step has ended: late, twice or never. After the faults it says so soon, and once."""
        random = self.chance.stream(f"{place}, completion")

        async def do(sagas: SimulatedSagas) -> None:
            if how == "complete":
                await sagas.complete(token, result)
            elif how == "reject":
                await sagas.reject(token, "declined")
            else:
                await sagas.fail(token, "broken")

        times, is_lost = random.choice((1, 1, 2)), random.random() < LOST
        for _ in range(times):
            seconds = random.uniform(0.0, LATEST_SECONDS)
            if self.chance.is_over:
                self.later(seconds / LATEST_SECONDS * PENDING_SECONDS / 2, lambda: self.desk(f"{place}: {how}", do))
            elif not is_lost:
                self.later(seconds, lambda: self.desk(f"{place}: {how}", do))


class WaitingServices(Services):
    """Services of which some external steps answer that another system will say how they have ended."""

    def __init__(self, world: WaitingWorld, rates: Rates) -> None:
        super().__init__(world.chance, world.observer, world.provider, rates, world.strike)
        self.world = world
        self.fates: dict[str, str | None] = {}  # how another system ends the steps, by their places

    def handlers(self, plan: DefinitionPlan, position: int) -> tuple[Handler, Handler, Handler]:
        if plan.steps[position].service not in ("bank", "post"):
            return super().handlers(plan, position)
        run = PendingStep(self, plan, position)
        return run.call, run.call_undo, run.probe


class PendingStep(Step):
    """An external step. What it asks for has been done, or declined for ever, when it answers `Pending`."""

    _services: WaitingServices

    async def call(self, value: Value, ctx: Context) -> str:
        services, place = self._services, self._place(ctx, "ask")
        how = self._outcome_of(place)
        if how is None:
            return await super().call(value, ctx)
        result = self._check_input(value, ctx)
        if how != "reject":
            await services._provider.execute(self._call_of(ctx, "ask"), result, ())
        services._observer.record(f"{place}: pending")
        services.world.complete(place, ctx.token, how, result)
        if how == "fail":
            services.fates[place] = "complete"  # the next call is asked for again, and has a token of its own
        raise Pending(f"{int(PENDING_SECONDS * 1000)}ms")

    def _outcome_of(self, place: str) -> str | None:
        """Returns the way in which another system ends this step of a saga; None: the handler returns the result."""
        fates = self._services.fates
        if place not in fates:
            fates[place] = self._drawn(place)
        return fates[place]

    def _drawn(self, place: str) -> str | None:
        random = self._services._chance.stream(f"{place}, fate")
        if random.random() > PENDING:
            return None
        hows = ["complete", "complete", "complete", "fail"]
        if self.may_reject:
            hows += ["reject", "reject"]
        return random.choice(hows)
