"""The handlers of the services: their effects on the world, and their faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from saga.core.state.mode import Mode
from saga.runtime.handlers.answers import GiveUp, NotYet, Reject
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_shape import Handler
from saga.runtime.handlers.participant import STORE, Participant
from saga.runtime.handlers.step_handler import StepHandler
from tests.simulation.seeds.chance import (
    CRASH,
    DELAY,
    EXHAUSTED,
    FAILURE,
    FROZEN,
    REJECTION,
    UNKNOWN,
    Chance,
    Menu,
)
from tests.simulation.worlds.definitions import ABSENT, DefinitionPlan, StepPlan
from tests.simulation.worlds.observer import ObservedSaga, Observer
from tests.simulation.worlds.provider import Call, Provider

Value = Any  # JSON
WORK_SECONDS: Final = 0.003
JOURNALS: Final = "memory://journal"  # of whatever service: only that it is not the store's database counts


@dataclass(frozen=True, slots=True)
class Rates:
    """The probabilities of faults in handlers and on the way to providers."""

    rejection: float = 0.24
    forward_rejection: float = 0.04  # of a step that promised never to reject
    failure: float = 0.3
    crash: float = 0.03
    frozen: float = 0.03
    stuck: float = 0.12
    answer_lost: float = 0.10
    exhausted: float = 0.95
    ongoing: float = 0.03


class Services:
    """All handlers of all services of one world."""

    def __init__(
        self,
        chance: Chance,
        observer: Observer,
        provider: Provider,
        rates: Rates,
        strike: Callable[[str, float], Awaitable[None]],
    ) -> None:
        self._chance = chance
        self._observer = observer
        self._provider = provider
        self._rates = rates
        self._strike = strike  # kill or freeze the machine that runs this

    def participants(self, plans: list[DefinitionPlan]) -> dict[str, Participant]:
        """The participants, by service."""
        found: dict[str, Participant] = {}
        for plan in plans:
            for position, step in enumerate(plan.steps):
                if step.mode is Mode.ENGINE:
                    continue
                if step.service not in found:
                    database = {Mode.TRANSACTIONAL: STORE, Mode.JOURNALED: JOURNALS, Mode.EXTERNAL: None}[step.mode]
                    found[step.service] = Participant(step.service, database=database)
                self._offer(found[step.service], plan, position)
        return found

    def _offer(self, participant: Participant, plan: DefinitionPlan, position: int) -> None:
        step = plan.steps[position]
        execute, undo, probe = self.handlers(plan, position)
        handler = StepHandler(
            participant.service,
            execute,
            step.handler,
            external=step.mode is Mode.EXTERNAL,
            read_only=step.read_only,
            version=None,
        )
        if step.compensation:
            handler.compensation(undo)
        if step.probe:
            handler.probe(probe)
        participant.add(handler)

    def handlers(self, plan: DefinitionPlan, position: int) -> tuple[Handler, Handler, Handler]:
        """The functions that execute, compensate and probe a step."""
        run = Step(self, plan, position)
        if plan.steps[position].mode is Mode.EXTERNAL:
            return run.call, run.call_undo, run.probe
        return run.execute, run.compensate, run.probe

    def execute_menu(self, *, may_reject: bool) -> Menu:
        rates = self._rates
        return (
            (REJECTION, "rejects", rates.rejection if may_reject else rates.forward_rejection),
            (FAILURE, "fails", rates.failure / 2),
            (FAILURE, "fails at its end", rates.failure / 4),
            (DELAY, "takes too long", rates.failure / 4),
            (CRASH, "kills its process", rates.crash),
            (FROZEN, "is frozen", rates.frozen),
        )

    def call_menu(self, *, may_reject: bool) -> Menu:
        rates = self._rates
        return (
            (REJECTION, "declined", rates.rejection * 1.5 if may_reject else rates.forward_rejection),
            (FAILURE, "away", rates.failure / 2),
            (FAILURE, "silent", rates.failure / 4),
            (DELAY, "stuck", rates.stuck / 2),
            (DELAY, "stuck, connection lost", rates.stuck / 2),
            (UNKNOWN, "answer lost", rates.answer_lost),
            (UNKNOWN, "answer late", rates.answer_lost / 4),
            (CRASH, "kills its process", rates.crash),
            (FROZEN, "is frozen", rates.frozen),
        )

    def undo_menu(self) -> Menu:
        rates = self._rates
        return (
            (EXHAUSTED, "gives up", rates.exhausted),
            (FAILURE, "fails", rates.failure / 2),
            (FAILURE, "fails at its end", rates.failure / 4),
            (CRASH, "kills its process", rates.crash),
            (FROZEN, "is frozen", rates.frozen),
        )

    def call_undo_menu(self) -> Menu:
        rates = self._rates
        return (
            (FAILURE, "away", rates.failure / 2),
            (DELAY, "stuck", rates.stuck / 3),
            (UNKNOWN, "answer lost", rates.answer_lost),
            (CRASH, "kills its process", rates.crash),
            (FROZEN, "is frozen", rates.frozen),
        )


class Step:
    """The handlers of one step."""

    def __init__(self, services: Services, plan: DefinitionPlan, position: int) -> None:
        self._services = services
        self._plan = plan
        self._position = position
        self._step = plan.steps[position]
        is_forward = self._step.retriable or _is_behind_pivot(plan, position)
        self.may_reject = self._step.goes_on or not is_forward
        self._execute_menu = services.execute_menu(may_reject=self.may_reject)
        self._call_menu = services.call_menu(may_reject=self.may_reject)
        self._undo_menu = services.undo_menu()
        self._call_undo_menu = services.call_undo_menu()
        self._give_up_menu = ((EXHAUSTED, "gives up", services._rates.exhausted),)

    # -- transactional and journaled: an effect is a change at the end of the transaction -----------------------------------

    async def execute(self, value: Value, ctx: Context) -> str:
        services, observer = self._services, self._services._observer
        result = self._check_input(value, ctx)
        place = self._place(ctx, "run")
        drawn = services._chance.draw(place, self._execute_menu)
        observer.record(f"{place}{'' if drawn is None else f': {drawn.what}'}")
        await asyncio.sleep(WORK_SECONDS)
        if drawn is not None and drawn.kind in (CRASH, FROZEN):
            await services._strike(drawn.kind, drawn.share)
        if drawn is not None and drawn.what == "fails":
            raise OSError("out of order")
        step = self._seen_step(ctx)
        ctx.sql.then(lambda: observer.effect(ctx.saga_id, step))
        if drawn is not None:
            await self._end_badly(drawn.what)
        return result

    async def _end_badly(self, what: str) -> None:
        if what == "rejects":
            raise Reject("out of stock")
        if what == "fails at its end":
            raise OSError("out of order")
        if what == "takes too long":
            await asyncio.sleep(self._step.timeout_ms / 1000 + 1)

    async def compensate(self, value: Value, result: Value, ctx: Context) -> None:
        services, observer = self._services, self._services._observer
        self._check_result(value, result, ctx)
        place = self._place(ctx, "undo")
        drawn = services._chance.draw(place, self._undo_menu)
        observer.record(f"{place}{'' if drawn is None else f': {drawn.what}'}")
        await asyncio.sleep(WORK_SECONDS)
        if drawn is not None and drawn.kind in (CRASH, FROZEN):
            await services._strike(drawn.kind, drawn.share)
        if drawn is not None and drawn.kind == EXHAUSTED:
            raise GiveUp("cannot be undone")
        if drawn is not None and drawn.what == "fails":
            raise OSError("out of order")
        step = self._seen_step(ctx)
        ctx.sql.then(lambda: observer.undo(ctx.saga_id, step))
        if drawn is not None:
            await self._end_badly(drawn.what)

    # -- external -------------------------------------------------------------------------------------------------------------

    async def call(self, value: Value, ctx: Context) -> str:
        services = self._services
        result = self._check_input(value, ctx)
        if services._chance.stream(f"ongoing {self._step.name}").random() < services._rates.ongoing:
            raise NotYet("100ms")
        return await services._provider.execute(self._call_of(ctx, "call"), result, self._call_menu)

    async def call_undo(self, value: Value, result: Value, ctx: Context) -> None:
        self._check_result(value, result, ctx)
        call = self._call_of(ctx, "refund")
        drawn = self._services._chance.draw(f"{call.place}, before", self._give_up_menu)
        if drawn is not None:
            self._services._observer.record(f"{call.place}: gives up")
            raise GiveUp("cannot be refunded")
        await self._services._provider.undo(call, self._call_undo_menu)

    async def probe(self, value: Value, ctx: Context) -> str:
        self._check_input(value, ctx)
        self._services._observer.rows["E2-X probe"] += 1
        return await self._services._provider.probe(self._call_of(ctx, "probe"), ((FAILURE, "answer lost", 0.1),))

    def _call_of(self, ctx: Context, what: str) -> Call:
        self._services._observer.begun(ctx.saga_id, ctx.step, ctx._claim.number)
        return Call(
            ctx.saga_id, self._seen_step(ctx), ctx.idempotency_key, self._place(ctx, what), self._step.timeout_ms / 1000
        )

    def is_odd(self, position: int) -> bool:  # noqa: ARG002 (hostile steps look at it)
        """Tells whether a step of this definition returns something else than its name."""
        return False

    # -- what comes in --------------------------------------------------------------------------------------------------------

    def _check_input(self, value: Value, ctx: Context) -> str:
        seen = self._services._observer.sagas[ctx.saga_id]
        names = {step.name: position for position, step in enumerate(seen.graph.steps)}
        seen.ran(names[ctx.step], self._services._observer.broken)
        for before in self._plan.inputs_of(self._step):
            plan = self._plan.steps[before]
            name = plan.name
            actual, wanted = value["befores"].get(name), f"{seen.number}.{name}"
            if self.is_odd(before) or not plan.has_output or (actual is None and names[name] in seen.resolved):
                continue
            if actual == ABSENT and self._may_be_absent(seen, plan, names[name]):
                continue
            if actual != wanted:
                self._services._observer.broken(
                    "DATA", f"{ctx.step} of saga {seen.number} was given {actual!r}, not {wanted!r}"
                )
        return f"{seen.number}.{ctx.step}"

    def _may_be_absent(self, seen: ObservedSaga, before: StepPlan, step: int) -> bool:
        """Tells whether a predecessor has no result."""
        return before.may_be_absent and (seen.state.vector[step] != "S" or step in seen.resolved)

    def _check_result(self, value: Value, result: Value, ctx: Context) -> None:
        wanted = self._check_input(value, ctx)
        seen = self._services._observer.sagas[ctx.saga_id]
        if self.is_odd(self._position):
            return
        if result != wanted and not (result is None and self._seen_step(ctx) in seen.resolved):
            self._services._observer.broken("DATA", f"{ctx.step} is undone with {result!r}, not {wanted!r}")

    def _seen_step(self, ctx: Context) -> int:
        """Returns the position of the step in the frozen graph, which is sorted."""
        seen = self._services._observer.sagas[ctx.saga_id]
        return next(position for position, step in enumerate(seen.graph.steps) if step.name == ctx.step)

    def _place(self, ctx: Context, what: str) -> str:
        seen = self._services._observer.sagas[ctx.saga_id]
        return f"saga {seen.number}, {what} {ctx.step}"


def _is_behind_pivot(plan: DefinitionPlan, position: int) -> bool:
    step = plan.steps[position]
    return any(plan.steps[before].pivot or _is_behind_pivot(plan, before) for before in step.after)
