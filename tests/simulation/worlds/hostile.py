"""Worlds in which some services are hostile: their sagas run beside healthy ones, in the same processes."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_shape import Handler
from saga.testing.clocks.virtual_loop import VirtualLoop
from tests.bad_input import hostility
from tests.bad_input.hostility import Hostility
from tests.simulation.seeds.chance import Chance, Edits
from tests.simulation.seeds.plan import Plan, SagaPlan, plan_of
from tests.simulation.worlds.definitions import DefinitionPlan, Preferences, draw
from tests.simulation.worlds.machine import Role
from tests.simulation.worlds.process_state import seeded, silenced
from tests.simulation.worlds.services import Rates, Services, Step
from tests.simulation.worlds.world import Report, World

HOSTILE: Final = {Mode.TRANSACTIONAL: "villain_t", Mode.JOURNALED: "villain_j", Mode.EXTERNAL: "villain_x"}
DEFINITIONS: Final = 3
SAGAS: Final = 9
FIRST_NUMBER: Final = 100  # of the hostile sagas
QUIET: Final = Rates(
    rejection=0, forward_rejection=0, failure=0, crash=0, frozen=0, stuck=0, answer_lost=0, exhausted=0, ongoing=0
)


def is_quiet(seed: int) -> bool:
    """Every other world has no faults but its hostile handlers: there, every healthy saga must complete."""
    return seed % 2 == 0


def hostile_plan(seed: int) -> Plan:
    """The plan of a seed, with hostile definitions and sagas, served by the machines that serve the healthy ones."""
    random, plan = Random(f"{seed}/hostile"), plan_of(seed, may_branch=False)  # noqa: S311 (not a secret)
    if is_quiet(seed):
        healthy = tuple(dataclasses.replace(each, deadline_ms=None) for each in plan.definitions)
        plan = dataclasses.replace(
            plan, definitions=healthy, rates=QUIET, message_menu=(), scale=0.0, frozen_claims=0.0, people=0.0, timed=(),
            evidence=0.0, abandon=0.0,
        )  # fmt: skip
    villains = tuple(_villain(draw(f"v{number}", random, Preferences())) for number in range(DEFINITIONS))
    sagas = tuple(
        SagaPlan(FIRST_NUMBER + number, random.choice(villains).name, random.uniform(0.1, plan.storm_seconds / 2))
        for number in range(SAGAS)
    )
    return dataclasses.replace(
        plan,
        definitions=(*plan.definitions, *villains),
        sagas=(*plan.sagas, *sagas),
        has_patient_people=False,  # nobody can bring a step to its end that always fails
        roles=tuple(_with_villains(role, villains) for role in plan.roles),
    )


def _villain(plan: DefinitionPlan) -> DefinitionPlan:
    steps = tuple(dataclasses.replace(step, service=HOSTILE[step.mode]) for step in plan.steps)
    return dataclasses.replace(plan, steps=steps)


def _with_villains(role: Role, villains: tuple[DefinitionPlan, ...]) -> Role:
    hostile = sorted({step.service for plan in villains for step in plan.steps})
    return dataclasses.replace(role, services=(*role.services, *hostile)) if role.services else role


class HostileServices(Services):
    """Services of which some are hostile. `habits` counts the habits that acted, by name."""

    habits: Counter[str]
    handlers_met: set[tuple[str, str]]

    def handlers(self, plan: DefinitionPlan, position: int) -> tuple[Handler, Handler, Handler]:
        functions = super().handlers(plan, position)
        if plan.steps[position].service not in HOSTILE.values():
            return functions
        return HostileStep(self, plan, position).functions()


class HostileStep(Step):
    """A step whose functions do their work, and something that they should not do, before or after it."""

    _services: HostileServices

    def __init__(self, services: HostileServices, plan: DefinitionPlan, position: int) -> None:
        super().__init__(services, plan, position)
        self._attempts: Counter[tuple[UUID, str]] = Counter()
        self._returned: dict[UUID, list[Any]] = {}
        self._is_external = self._step.mode is Mode.EXTERNAL
        self._habits = {what: self._habit(position, what) for what in ("run", "undo", "probe")}

    def _habit(self, position: int, what: str) -> Hostility:
        stream = Random(f"{self._services._chance.seed}/{self._plan.steps[position].name} {what}")  # noqa: S311
        has_no_effect = self._plan.steps[position].mode is not Mode.EXTERNAL
        return hostility.draw(stream, may_reject=has_no_effect and what == "run", may_return=what != "undo")

    def is_odd(self, position: int) -> bool:
        """True for steps whose execute or probe has a result of its own: the tests of the codec look at it."""
        return any(self._habit(position, what).result is not None for what in ("run", "probe"))

    def functions(self) -> tuple[Handler, Handler, Handler]:
        """The functions that execute, compensate and probe the step."""
        work, unwork = (self.call, self.call_undo) if self._is_external else (self.execute, self.compensate)

        async def run(value: Any, ctx: Context) -> Any:
            return await self._with_habit("run", work, ctx, value)

        async def undo(value: Any, result: Any, ctx: Context) -> Any:
            self._check_returned(result, ctx)
            return await self._with_habit("undo", unwork, ctx, value, result)

        async def probe(value: Any, ctx: Context) -> Any:
            return await self._with_habit("probe", self.probe, ctx, value)

        run.__annotations__["return"] = self._habits["run"].annotation
        return run, undo, probe

    async def _with_habit(self, what: str, work: Handler, ctx: Context, *given: Any) -> Any:
        habit = self._habits[what]
        self._attempts[ctx.saga_id, what] += 1
        acts = self._attempts[ctx.saga_id, what] <= habit.times
        if acts:
            self._services.habits[habit.name] += 1
            self._services.handlers_met.add((ctx.step, what))
            self._services._observer.record(f"{self._place(ctx, what)}: {habit.name}")
        if acts and habit.is_early:
            await habit.act(ctx)
        result = await work(*given, ctx)
        if acts and not habit.is_early:
            await habit.act(ctx)
        made = result if habit.result is None else habit.result()
        if what != "undo":
            self._returned.setdefault(ctx.saga_id, []).append(made)
        return made

    def _check_returned(self, result: Any, ctx: Context) -> None:
        """A result that was recorded is one that the step has returned, of the same type."""
        seen = self._services._observer.sagas[ctx.saga_id]
        returned = self._returned.get(ctx.saga_id)
        if returned is None or (result is None and self._seen_step(ctx) in seen.resolved):
            return
        if not any(_is_same(result, each, self._habits["run"].annotation) for each in returned):
            self._services._observer.broken(
                "DATA", f"{ctx.step} is undone with {type(result).__name__}, not what it returned"
            )


def _is_same(result: Any, returned: Any, annotation: Any) -> bool:
    """Tells whether a result is what was returned, converted as the annotation allows."""
    try:
        converted = TypeAdapter(annotation).validate_python(returned)
        return bool(result == converted) or vars(result) == vars(converted)
    except (TypeError, ValueError):
        return False


class HostileWorld(World):
    """A world with hostile services. The invariants hold for every saga, and the healthy ones are not disturbed."""

    def make_services(self, plan: Plan) -> Services:
        services = HostileServices(self.chance, self.observer, self.provider, plan.rates, self.strike)
        services.habits, services.handlers_met = Counter(), set()
        self.services = services
        return services

    def check_healthy(self) -> None:
        """In a quiet world, every healthy saga has completed."""
        for number, saga in self.sagas.items():
            state = self.observer.sagas[saga].state
            if number < FIRST_NUMBER and state.phase is not Phase.COMPLETED:
                self.observer.broken("HEALTHY", f"saga {number} is {state.phase.name} {state.vector}: {state.reason}")


@dataclasses.dataclass(slots=True)
class HostileReport:
    """The report of a seed, with the habits that acted, and the number of hostile handlers that were called."""

    report: Report
    habits: Counter[str]
    handlers: int


def run_hostile_seed(seed: int, *, telling: bool = False) -> HostileReport:
    """Runs the hostile world of a seed to its end, or to the first broken invariant."""
    loop = VirtualLoop()
    plan, edits = hostile_plan(seed), Edits()
    with silenced() as complaints, seeded(seed), _unheard():
        world = HostileWorld(loop, plan, Chance(seed, edits), edits)
        if telling:
            world.observer.story = []
        try:
            world.run()
            if is_quiet(seed) and world.observer.violation is None:
                world.check_healthy()
            for complaint in complaints:
                world.observer.broken("LOOP", complaint)
        finally:
            hostility.BEHIND.clear()
            loop.end()
    services = world.services
    return HostileReport(world.report(), services.habits, len(services.handlers_met))


@contextmanager
def _unheard() -> Iterator[None]:
    """Silences asyncio's reports of tasks that hostile handlers leave behind."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
