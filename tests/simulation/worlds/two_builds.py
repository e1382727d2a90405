"""Worlds of a fleet of two builds: some processes do not know some definitions or handlers, beside processes that do."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from random import Random
from typing import Any, Final
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.text import DOES_NOT_FIT
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.commands import CommandRow
from saga.memory.directory import MemoryDirectory
from saga.ports.values.claim import Claim
from saga.runtime import redrive, supervisor
from saga.runtime.claims import misfits
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_shape import Handler
from saga.runtime.handlers.participant import Participant
from saga.testing.clocks.virtual_loop import VirtualLoop
from tests.simulation.seeds.branches import with_branches
from tests.simulation.seeds.chance import Chance, Edits
from tests.simulation.seeds.plan import Plan, SagaPlan, plan_of
from tests.simulation.worlds.database import WatchedStore
from tests.simulation.worlds.definitions import DefinitionPlan, Preferences, draw
from tests.simulation.worlds.machine import Machine, Role
from tests.simulation.worlds.process_state import seeded, silenced
from tests.simulation.worlds.services import Rates, Services
from tests.simulation.worlds.world import Report, World

DEFINITIONS: Final = 4
SAGAS: Final = 24
FIRST_NUMBER: Final = 100  # of the sagas whose definitions the old build does not know whole
LOOK_SAGAS: Final = 2  # in place of OVERDUE_MAX, so that a few sagas are more than one look covers
KNOWN_SECONDS_MAX: Final = 20.0
"""A saga that every build knows has settled this long after the end of the faults; it takes 5 s at most in hundreds of worlds."""
NOBODY: Final = "nobody could read it"
PATIENCE_SECONDS: Final = 0.5  # in place of LEFT_SECONDS_MAX, where the new build goes
CANARY: Final = "canary"
PLAIN: Final = Rates(
    rejection=0.2, forward_rejection=0, failure=0, crash=0, frozen=0, stuck=0, answer_lost=0, exhausted=0, ongoing=0
)


class Gap(Enum):
    """The part of a definition that the old build does not know."""

    DEFINITION = "the definition"
    HANDLER = "a handler"
    COMPENSATION = "the compensations and probes"
    INPUT = "the type of the input"


def is_plain(seed: int) -> bool:
    """One world of four has no faults: there, every saga completes or is compensated, and none waits for a person."""
    return seed % 4 == 0


def loses_canary(seed: int) -> bool:
    """In two worlds of four the processes of the new build go, and come back when the sagas that all know have settled."""
    return seed % 4 >= 2


def two_builds_plan(seed: int) -> tuple[Plan, dict[str, Gap], frozenset[str]]:
    """The plan of a seed, the gaps of the old build by definition, and the machines of the old build."""
    random, plan = Random(f"{seed}/two builds"), plan_of(seed, may_branch=False)  # noqa: S311 (not a secret)
    if is_plain(seed):
        plan = dataclasses.replace(
            plan, rates=PLAIN, message_menu=(), scale=0.0, frozen_claims=0.0, people=0.0, timed=(), evidence=0.0, abandon=0.0
        )  # fmt: skip
    unknown = tuple(draw(f"n{number}", random, Preferences()) for number in range(DEFINITIONS))
    gaps = {each.name: random.choice(list(Gap)) for each in unknown} | {unknown[0].name: Gap.DEFINITION}
    unknown = tuple(
        with_branches(each, random) if gaps[each.name] is Gap.DEFINITION else each for each in unknown
    )  # an older build cannot read them, so that nobody else gets any
    sagas = tuple(
        SagaPlan(FIRST_NUMBER + number, random.choice(unknown).name, random.uniform(0.1, plan.storm_seconds / 2))
        for number in range(SAGAS)
    )
    services = {step.service for each in (*plan.definitions, *unknown) for step in each.steps if step.service}
    roles = [
        dataclasses.replace(role, services=tuple(sorted({*role.services, *_services(unknown)})))
        if role.services
        else role
        for role in plan.roles
    ]
    old = frozenset(role.name for role in roles[1:] if random.random() < 0.8)  # the desk starts sagas of both kinds
    whole = dataclasses.replace(
        plan,
        definitions=(*plan.definitions, *unknown),
        sagas=(*plan.sagas, *sagas),
        roles=(*roles, Role(CANARY, tuple(sorted(services)), is_supervisor=False)),
        has_patient_people=False,
    )
    return whole, gaps, old


def _services(plans: Iterable[DefinitionPlan]) -> set[str]:
    return {step.service for plan in plans for step in plan.steps if step.service}


class OldServices(Services):
    """The services as the old build has them."""

    gaps: dict[str, Gap]

    def _offer(self, participant: Participant, plan: DefinitionPlan, position: int) -> None:
        gap = self.gaps.get(plan.name)
        if gap is Gap.HANDLER and position % 2 == 0:
            return
        if gap is Gap.COMPENSATION:
            steps = [dataclasses.replace(step, compensation=False, probe=False) for step in plan.steps]
            plan = dataclasses.replace(plan, steps=tuple(steps))
        super()._offer(participant, plan, position)

    def handlers(self, plan: DefinitionPlan, position: int) -> tuple[Handler, Handler, Handler]:
        run, undo, probe = super().handlers(plan, position)

        async def run_numbers(value: int, ctx: Context) -> Any:
            return await run(value, ctx)

        return (run_numbers if self.gaps.get(plan.name) is Gap.INPUT else run), undo, probe


class OldDirectory(MemoryDirectory):
    """The definitions as the old build reads them."""

    gaps: dict[str, Gap]

    async def graph(self, definition: int) -> Graph:
        found = await super().graph(definition)
        if self.gaps.get(found.name) is Gap.DEFINITION:
            raise KeyError("a format of a newer build")
        return found


class OldStore(WatchedStore):
    """Counts the claims of definitions that its process does not know whole."""

    world: TwoBuildsWorld

    def _claims(self, rows: Iterable[CommandRow]) -> list[Claim]:
        claims = super()._claims(rows)
        for claim in claims:
            gap = self.world.gaps.get(self._database.definitions[claim.definition].graph.name)
            if gap is not None:
                self.world.met[gap.value] += 1
        return claims


class BuildMachine(Machine):
    """A machine of one of the builds. The one of the new build may be away."""

    world: TwoBuildsWorld
    is_away = False

    def boot(self) -> None:
        if not self.is_away:
            super().boot()

    def leave(self) -> None:
        """Ends its process until `come_back`."""
        self.is_away = True
        self.kill()

    def come_back(self) -> None:
        if self.is_away:
            self.is_away = False
            self.boot()

    def store_adapter(self) -> MemoryAdapter:
        adapter = super().store_adapter()
        if self.role.name in self.world.old:
            adapter.directory = directory = OldDirectory(self.world.database)
            directory.gaps = self.world.gaps
            adapter.store = store = OldStore(self.world.database, self.world.options)
            store.world = self.world
        return adapter

    def participant(self, service: str) -> Participant:
        return (
            self.world.old_participants[service] if self.role.name in self.world.old else super().participant(service)
        )


class TwoBuildsWorld(World):
    """The invariants hold for every saga, and no saga that every build knows waits because of the others."""

    def __init__(self, loop: VirtualLoop, seed: int, edits: Edits) -> None:
        plan, self.gaps, self.old = two_builds_plan(seed)
        self.met: Counter[str] = Counter()
        self.known_seconds = 0.0  # from the end of the faults until the sagas that every build knows had settled
        super().__init__(loop, plan, Chance(seed, edits), edits)
        old = OldServices(self.chance, self.observer, self.provider, plan.rates, self.strike)
        old.gaps = self.gaps
        self.old_participants = old.participants(list(plan.definitions))
        canary = self.machines[-1]
        assert isinstance(canary, BuildMachine)
        self.canary = canary

    def make_machine(self, role: Role) -> Machine:
        return BuildMachine(self, role)

    async def _main(self) -> None:
        if loses_canary(self.chance.seed):
            self.later(self.chance.stream("canary").uniform(1.0, 3.0), self.canary.leave)
        await super()._main()

    async def _until_settled(self) -> None:
        await self._until_known_settled()
        self.canary.come_back()
        await super()._until_settled()
        if is_plain(self.chance.seed):
            self._check_nobody_waits_for_a_person()

    async def _until_known_settled(self) -> None:
        began_at = self.loop.time()
        while waiting := [saga for number, saga in self.sagas.items() if self._is_known_and_waits(number, saga)]:
            await self.people.resume_all()
            await asyncio.sleep(0.5)
            if self.loop.time() - began_at > KNOWN_SECONDS_MAX:
                numbers = [self.observer.sagas[saga].number for saga in waiting]
                self.observer.broken("KNOWN", f"sagas {numbers} wait, although every build knows their definitions")
        self.known_seconds = self.loop.time() - began_at

    def _is_known_and_waits(self, number: int, saga: UUID) -> bool:
        return number < FIRST_NUMBER and not self._has_settled(saga)

    def _check_nobody_waits_for_a_person(self) -> None:
        for number, saga in self.sagas.items():
            state = self.observer.sagas[saga].state
            if not state.phase.is_terminal:
                self.observer.broken("KNOWN", f"saga {number} is {state.phase.name} {state.vector}: {state.reason}")


@dataclasses.dataclass(slots=True)
class TwoBuildsReport:
    """The report of a seed, with the claims of old processes that they do not know whole, by what they do not know.

    Among them are the lines of history about inputs that nobody could read.
    """

    report: Report
    met: Counter[str]
    known_seconds: float


def run_two_builds_seed(seed: int, *, telling: bool = False) -> TwoBuildsReport:
    """Runs the world of a seed to its end, or to the first broken invariant."""
    loop = VirtualLoop()
    with silenced() as complaints, seeded(seed), _short_looks(), _short_patience(seed):
        world = TwoBuildsWorld(loop, seed, Edits())
        if telling:
            world.observer.story = []
        try:
            world.run()
            for complaint in complaints:
                world.observer.broken("LOOP", complaint)
        finally:
            loop.end()
    world.met[NOBODY] = sum(DOES_NOT_FIT in (line.entry.detail or "") for line in world.database.history)
    return TwoBuildsReport(world.report(), world.met, world.known_seconds)


@contextmanager
def _short_patience(seed: int) -> Iterator[None]:
    """Where the new build goes, the old one soon takes its inputs for such that nobody can read."""
    before = misfits.LEFT_SECONDS_MAX
    setattr(misfits, "LEFT_SECONDS_MAX", PATIENCE_SECONDS if loses_canary(seed) else before)  # noqa: B010 (as below)
    try:
        yield
    finally:
        setattr(misfits, "LEFT_SECONDS_MAX", before)  # noqa: B010


@contextmanager
def _short_looks() -> Iterator[None]:
    before = redrive.OVERDUE_MAX
    for module in (redrive, supervisor):
        setattr(module, "OVERDUE_MAX", LOOK_SAGAS)  # noqa: B010 (it is final for everybody else)
    try:
        yield
    finally:
        for module in (redrive, supervisor):
            setattr(module, "OVERDUE_MAX", before)  # noqa: B010
