"""Operators: they roll back, pause, retry, void, resolve and skip by true evidence, abandon, and leave some sagas as they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypedDict
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.state.letters import QUARANTINED_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.saga_state import State
from saga.errors import SagaError
from saga.memory.journal import MemoryJournal
from saga.ports.journal import JournalRow, Mark
from tests.simulation.seeds.chance import OPERATOR, Menu
from tests.simulation.worlds.audited import REASON
from tests.simulation.worlds.observer import ObservedSaga

if TYPE_CHECKING:
    from tests.simulation.worlds.machine import SimulatedSagas
    from tests.simulation.worlds.world import World


class Words(TypedDict):
    actor: str
    reason: str


LOOK_SECONDS: Final = 0.12
_UNDONE_MARKS: Final = (Mark.TOMBSTONE, Mark.REJECTED, Mark.COMPENSATED)
RETRY, RESOLVE, SKIP = 0.75, 0.1, 0.4
RUNNING: Final[Menu] = (
    (OPERATOR, "roll back", 0.015),
    (OPERATOR, "void", 0.01),
    (OPERATOR, "pause", 0.015),
    (OPERATOR, "abandon", 0.0015),
)
RETRACTION: Final = "undo step"
PAUSED: Final[Menu] = ((OPERATOR, "resume", 0.35), (OPERATOR, "roll back", 0.05), (OPERATOR, "abandon", 0.008))


class Operators:
    """Inspect every saga from time to time, and act through the client of the desk."""

    def __init__(self, world: World) -> None:
        self._world = world
        evidence = world.plan.evidence
        running = (*RUNNING, (OPERATOR, RETRACTION, world.plan.retractions)) if world.plan.retractions else RUNNING
        self._set_aside, self._stuck, self._running, self._paused = (
            _scaled(menu, world.plan.people, world.plan.abandon)
            for menu in (_stuck_menu(evidence, SKIP), _stuck_menu(evidence, 0.0), running, PAUSED)
        )

    async def run(self) -> None:
        """Runs while faults happen."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for number, saga in list(self._world.sagas.items()):
                seen = self._world.observer.sagas[saga]
                if seen.state.phase.is_terminal:
                    continue
                drawn = self._world.chance.draw(f"people, saga {number}", self._menu(seen.state))
                if drawn is not None:
                    self._act(saga, drawn.what, drawn.share)

    def _menu(self, state: State) -> Menu:
        if state.is_stuck:
            return self._set_aside if "d" in state.vector else self._stuck
        return self._paused if state.paused else self._running

    async def resume_all(self) -> None:
        """Resumes every paused saga, after the faults have stopped."""
        for saga in self._world.sagas.values():
            if self._world.observer.sagas[saga].state.paused:
                self._act(saga, "resume", 0.0)

    async def finish_all(self) -> None:
        """Retries every quarantined step."""
        for saga in self._world.sagas.values():
            state = self._world.observer.sagas[saga].state
            if state.is_stuck and not state.phase.is_terminal:
                self._act(saga, "retry", 0.0)

    def _act(self, saga: UUID, what: str, share: float) -> None:
        desk = self._world.machines[0]
        if desk.sagas is not None:
            self._world.loop.run_as(desk.host, self._do(desk.sagas, saga, what, share))

    async def _do(self, sagas: SimulatedSagas, saga: UUID, what: str, share: float) -> None:
        operations, seen = sagas.operations, self._world.observer.sagas[saga]
        words: Words = {"actor": "ops", "reason": REASON}
        self._world.observer.record(f"an operator: {what} saga {seen.number}")
        try:
            match what:
                case "roll back":
                    await operations.roll_back(saga, **words)
                case "pause":
                    await operations.pause(saga, **words)
                case "resume":
                    await operations.resume(saga, **words)
                case "abandon":
                    await operations.abandon(saga, **words)
                case "retry":
                    await operations.retry(saga, None, **words)
                case _:
                    await self._act_on_step(sagas, saga, what, share)
        except SagaError as error:
            self._world.observer.record(f"an operator is told: {error}")

    async def _act_on_step(self, sagas: SimulatedSagas, saga: UUID, what: str, share: float) -> None:
        match what:
            case "resolve":
                await self._resolve(sagas, saga, share)
            case "skip":
                await self._skip(sagas, saga, share)
            case "void":
                await self._void(saga, share)
            case _:
                await self._undo_step(sagas, saga, share)

    async def _resolve(self, sagas: SimulatedSagas, saga: UUID, share: float) -> None:
        seen = self._world.observer.sagas[saga]
        steps = [step for step, letter in enumerate(seen.state.vector) if letter in QUARANTINED_LETTERS]
        if not steps:
            return
        step = steps[int(share * len(steps))]
        what = self._evidence(seen, saga, step)
        if what is None:
            return
        name = seen.graph.steps[step].name
        if what == "happened":
            seen.resolved.add(step)
        self._world.observer.record(f"an operator: {name} of saga {seen.number}: {what}")
        await sagas.operations.resolve(saga, name, what, actor="ops", reason="seen")

    async def _skip(self, sagas: SimulatedSagas, saga: UUID, share: float) -> None:
        """Gives up a step that has no effect so far."""
        seen = self._world.observer.sagas[saga]
        steps = [step for step, letter in enumerate(seen.state.vector) if letter == "d" and not seen.effects[step]]
        if steps:
            name = seen.graph.steps[steps[int(share * len(steps))]].name
            await sagas.operations.skip(saga, name, actor="ops", reason="not needed")

    async def _undo_step(self, sagas: SimulatedSagas, saga: UUID, share: float) -> None:
        seen = self._world.observer.sagas[saga]
        steps = [step for step, letter in enumerate(seen.state.vector) if letter in "SDd"]
        if steps:
            name = seen.graph.steps[steps[int(share * len(steps))]].name
            self._world.observer.record(f"an operator undoes {name} of saga {seen.number}")
            await sagas.operations.undo_step(saga, name, actor="ops", reason=REASON)

    async def _void(self, saga: UUID, share: float) -> None:
        """Writes a tombstone into the journal of a service: a handler that executes the step later is refused (G39)."""
        seen = self._world.observer.sagas[saga]
        steps = [
            step
            for step, letter in enumerate(seen.state.vector)
            if letter == "D" and seen.graph.steps[step].mode is Mode.JOURNALED and _is_pivot_later(seen.graph, step)
        ]
        if steps:
            step = steps[int(share * len(steps))]
            async with MemoryJournal(self._world.service_database).transaction() as transaction:
                is_written = await transaction.write(saga, step, JournalRow(Mark.TOMBSTONE, None, None))
            self._world.observer.record(f"an operator voids {seen.graph.steps[step].name}: {is_written}")

    def _evidence(self, seen: ObservedSaga, saga: UUID, step: int) -> str | None:
        """Returns the true outcome of a step; None if nobody can tell."""
        effects, undone, letter = seen.effects[step], seen.undone[step], seen.state.vector[step]
        if seen.graph.steps[step].read_only:
            return None
        if letter != "k":
            return "happened" if (effects, undone) == (1, 0) else "did-not-happen" if effects == 0 else None
        if effects != undone:
            return None
        if seen.graph.steps[step].mode is Mode.JOURNALED:
            row = self._world.service_database.journal.get((saga, step))
            return "compensated" if row is not None and row.mark in _UNDONE_MARKS else None
        return "compensated"


def _is_pivot_later(graph: Graph, step: int) -> bool:
    """Tells whether the pivot cannot have passed while this step runs."""
    return graph.pivot in (-1, step) or step in _finished_before(graph, graph.pivot)


def _finished_before(graph: Graph, step: int) -> frozenset[int]:
    """The steps that have finished whenever this one begins."""
    after = graph.steps[step].after
    earlier = [_finished_before(graph, before) for before in after]
    if graph.steps[step].successes:
        return frozenset.intersection(*earlier)
    return frozenset(after).union(*earlier)


def _stuck_menu(evidence: float, skip: float) -> Menu:
    """The more an operator resolves or skips, the less it retries."""
    resolve = RESOLVE * evidence
    return (
        (OPERATOR, "skip", skip),
        (OPERATOR, "retry", RETRY + RESOLVE - resolve - skip),
        (OPERATOR, "resolve", resolve),
        (OPERATOR, "roll back", 0.04),
        (OPERATOR, "abandon", 0.012),
    )


def _scaled(menu: Menu, scale: float, abandon: float) -> Menu:
    return [
        (kind, what, min(probability * scale * (abandon if what == "abandon" else 1.0), 0.75))
        for kind, what, probability in menu
    ]
