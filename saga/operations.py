"""The actions of operators on sagas. Each is decided by the rules, and recorded in the audit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from msgspec import structs

from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.paths import reads
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import DISPATCHED, FINISHED_LETTERS, QUARANTINED_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.text import storable
from saga.errors import Conflict, Unavailable, UsageError
from saga.inspection.step_wait import way_out_of_quarantine
from saga.ports.ledger import Ledger, Snapshot
from saga.ports.values.claim import CommandRef
from saga.ports.values.write import Action
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.planning.plan import audited
from saga.runtime.redrive import Redriver
from saga.runtime.timing.store_clock import StoreClock

ANSWER_SECONDS_MAX: Final = 30.0
"""Time for the store to say whether it has recorded an action. After that the action is reported as unknown."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A requested action. A dry run is decided and not written."""

    action: str
    actor: str
    reason: str
    dry_run: bool


class Operations:
    """Acts on one saga. Each method returns the saga as it is afterwards; with `dry_run`, as it would be, and nothing changes.

    What an action changes and its line in the audit are one transaction. All raise NotFound, Conflict where the action
    would change nothing, and Unavailable where it is unknown whether the store has recorded it.
    """

    def __init__(self, ledger: Ledger, definitions: DefinitionCache, redriver: Redriver, clock: StoreClock) -> None:
        self._ledger = ledger
        self._definitions = definitions
        self._redriver = redriver
        self._clock = clock

    async def roll_back(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Requests a rollback. Raises Conflict once the pivot has passed."""
        return await self._act(
            saga, [ev.RollbackRequested(storable(reason))], _Request("roll back", actor, reason, dry_run)
        )

    async def pause(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Pauses a saga: nothing new is dispatched; the deadline still applies."""
        return await self._act(saga, [ev.Paused()], _Request("pause", actor, reason, dry_run))

    async def resume(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Resumes a paused saga."""
        return await self._act(saga, [ev.Resumed()], _Request("resume", actor, reason, dry_run))

    async def retry(self, saga: UUID, step: str | None, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Retries one quarantined step, or all of them."""
        snapshot = await self._snapshot(saga)
        positions = await self._quarantined(snapshot, step)
        request = _Request("retry", actor, reason, dry_run)
        return await self._act(saga, [ev.Retried(position) for position in positions], request, positions[0])

    async def resolve(
        self, saga: UUID, step: str, what: str, *, actor: str, reason: str, dry_run: bool = False
    ) -> Snapshot:
        """Settles a quarantined step by evidence: `what` is happened, did-not-happen or compensated."""
        kinds: dict[str, type[ev.Happened | ev.DidNotHappen | ev.CompensatedByHand]] = {
            "happened": ev.Happened, "did-not-happen": ev.DidNotHappen, "compensated": ev.CompensatedByHand,
        }  # fmt: skip
        if what not in kinds:
            raise UsageError(f"{what!r} does not resolve a step: use happened, did-not-happen or compensated")
        snapshot = await self._snapshot(saga)
        (position,) = await self._quarantined(snapshot, step)
        graph = await self._definitions.graph(snapshot.definition)
        if what == "did-not-happen" and graph.steps[position].mode is Mode.JOURNALED:  # G37
            raise Conflict(
                f"step {step} is journaled: its journal decides; retry it, or roll the saga back so that its service voids it"
            )
        if what == "did-not-happen" and (position in snapshot.claimed or position in snapshot.unquiet):  # G37
            raise Conflict(
                f"step {step} cannot be declared void yet: a call of it may still arrive; wait until its claim and the margin have ended"
            )
        request = _Request(f"resolve: {what}", actor, reason, dry_run)
        return await self._act(saga, [kinds[what](position)], request, position)

    async def skip(self, saga: UUID, step: str, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Goes on without a quarantined step after the pivot, whose effect does not exist and cannot appear any more.

        Raises:
            Conflict: its effect may still appear, or its result is needed.
        """
        snapshot = await self._snapshot(saga)
        graph = await self._definitions.graph(snapshot.definition)
        (position,) = await self._quarantined(snapshot, step)
        obstacle = _obstacle_to_skip(graph, snapshot, position)
        if obstacle is not None:
            raise Conflict(f"step {step} cannot be skipped: {obstacle}")
        return await self._act(saga, [ev.Skipped(position)], _Request("skip", actor, reason, dry_run), position)

    async def abandon(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Freezes the saga, and gives up what is left of it."""
        return await self._act(saga, [ev.Abandoned()], _Request("abandon", actor, reason, dry_run))

    async def _snapshot(self, saga: UUID) -> Snapshot:
        return await self._ledger.snapshot(saga)

    async def _quarantined(self, snapshot: Snapshot, step: str | None) -> list[int]:
        graph = await self._definitions.graph(snapshot.definition)
        found = [position for position, letter in enumerate(snapshot.state.vector) if letter in QUARANTINED_LETTERS]
        if step is not None:
            found = [position for position in found if graph.steps[position].name == step]
        if not found:
            name = "" if step is None else f" {step}"
            raise Conflict(f"saga {snapshot.saga} has no quarantined step{name}")
        return found

    async def _act(
        self, saga: UUID, events: Sequence[ev.Event], request: _Request, step: int | None = None
    ) -> Snapshot:
        request = replace(request, actor=storable(request.actor), reason=storable(request.reason))
        before = await self._snapshot(saga)
        if request.dry_run:
            after = await self._decided(before, events)
            is_changed = not _is_same(before, after)
        else:
            is_changed = await self._apply(before, events, Action(request.actor, request.action, step, request.reason))
            after = await self._snapshot(saga)
            if not is_changed:  # no transaction has recorded that it was tried
                detail: dict[str, Json] = {"before": audited(before.state), "after": audited(after.state)}
                await self._ledger.audit(request.actor, request.action, saga, step, request.reason, detail)
        if not is_changed and _is_same(before, after):
            graph = await self._definitions.graph(after.definition)
            raise Conflict(f"{request.action} changed nothing: {_describe(graph, after, request.action)}")
        return after

    async def _apply(self, before: Snapshot, events: Sequence[ev.Event], action: Action) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await self._redriver.apply(before, events, action)
        except TimeoutError:
            raise Unavailable(
                f"the store has not recorded {action.action!r} within {ANSWER_SECONDS_MAX:.0f} s; it is tried for as long as this "
                f"process runs, so look at the saga before you repeat it: saga show {before.saga}"
            ) from None

    async def _decided(self, before: Snapshot, events: Sequence[ev.Event]) -> Snapshot:
        graph = await self._definitions.graph(before.definition)
        now = self._clock.now()
        refs = [
            CommandRef(before.saga, step) for step, letter in enumerate(before.state.vector) if letter == DISPATCHED
        ]
        unclaimed = ev.Unclaimed(frozenset(ref.step for ref in await self._redriver.store.unclaimed(refs)))
        state = decide(graph, before.state, [unclaimed, *events], now=now, jitter=0.0, enforce_deadline=False).state
        return structs.replace(before, state=state)


def _describe(graph: Graph, snapshot: Snapshot, action: str) -> str:
    state = snapshot.state
    if state.phase is Phase.RUNNING and is_pivot_passed(graph, state.vector):
        return f"saga {snapshot.saga} has passed its pivot {graph.steps[graph.pivot].name} and only goes forward"
    if state.rollback_requested and action == "roll back":
        return f"saga {snapshot.saga} is running, rollback requested: it {_awaited_pivot(graph, snapshot)}"
    flags = (", paused" if state.paused else "") + (", rollback requested" if state.rollback_requested else "")
    way_out = "" if state.phase.is_terminal else f" (saga why {snapshot.saga} says what it waits for)"
    return f"saga {snapshot.saga} is {state.phase.name.lower()}{flags}{way_out}"


def _awaited_pivot(graph: Graph, snapshot: Snapshot) -> str:
    """Says what the rollback waits for, and what an operator can do about it."""
    name, vector, saga = graph.steps[graph.pivot].name, snapshot.state.vector, snapshot.saga
    if vector[graph.pivot] in QUARANTINED_LETTERS:
        way_out = way_out_of_quarantine(saga, graph, vector, graph.pivot)
        return f"waits for the pivot {name}, which is quarantined with its outcome unknown. Run {way_out}"
    return f"waits until the outcome of the pivot {name} is known (saga why {saga} says what for)"


def _is_same(before: Snapshot, after: Snapshot) -> bool:
    return audited(before.state) == audited(after.state)


def _obstacle_to_skip(graph: Graph, snapshot: Snapshot, position: int) -> str | None:
    """Says why the step cannot be skipped. G37: no effect of it may appear later, and no other step may need its result."""
    step, vector = graph.steps[position], snapshot.state.vector
    if not is_pivot_passed(graph, vector):
        return "the pivot has not passed; resolve it, or roll the saga back"
    if step.mode is Mode.JOURNALED:
        return "it is journaled, and its service may still run it; retry it, or resolve it"
    if position in snapshot.claimed or position in snapshot.unquiet:
        return "a call of it may still arrive; wait until its claim and the margin have ended"
    readers = [
        other.name
        for other, letter in zip(graph.steps, vector, strict=True)
        if position in other.reads and letter not in FINISHED_LETTERS
    ]
    if graph.returns is not None and step.name in reads(graph.returns):
        readers.append("the saga for its return value")
    return f"its result is read by {', '.join(readers)}; resolve it as happened instead" if readers else None
