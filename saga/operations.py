"""What people do to sagas: each action is decided by the rules, and audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from msgspec import structs

from saga.core.definition.graph import Graph, Json
from saga.core.definition.paths import reads
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import FINISHED_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.errors import Conflict, UsageError
from saga.ports.ledger import Snapshot
from saga.runtime.process import Process


@dataclass(frozen=True, slots=True)
class _Order:
    """Who wants what done, and why. A dry run is decided and not written."""

    action: str
    actor: str
    reason: str
    dry_run: bool


class Operations:
    """Acts on one saga, audited. Each returns the saga as it is afterwards; with `dry_run`, as it would be, and nothing is changed.

    All raise NotFound, and Conflict where the action would change nothing.
    """

    def __init__(self, process: Process) -> None:
        self._process = process

    async def roll_back(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Ask for a rollback. Refused, with a Conflict, once the pivot has passed."""
        return await self._act(saga, [ev.RollbackRequested(reason)], _Order("roll back", actor, reason, dry_run))

    async def pause(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Hold a saga: nothing new is dispatched; the deadline goes on."""
        return await self._act(saga, [ev.Paused()], _Order("pause", actor, reason, dry_run))

    async def resume(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Let a paused saga go on."""
        return await self._act(saga, [ev.Resumed()], _Order("resume", actor, reason, dry_run))

    async def retry(self, saga: UUID, step: str | None, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Send quarantined steps round again: one, or all of them."""
        snapshot = await self._snapshot(saga)
        positions = await self._quarantined(snapshot, step)
        order = _Order("retry", actor, reason, dry_run)
        return await self._act(saga, [ev.Retried(position) for position in positions], order, positions[0])

    async def resolve(
        self, saga: UUID, step: str, what: str, *, actor: str, reason: str, dry_run: bool = False
    ) -> Snapshot:
        """Settle a quarantined step by evidence: `what` is happened, did-not-happen or compensated."""
        kinds: dict[str, type[ev.Happened | ev.DidNotHappen | ev.CompensatedByHand]] = {
            "happened": ev.Happened, "did-not-happen": ev.DidNotHappen, "compensated": ev.CompensatedByHand,
        }  # fmt: skip
        if what not in kinds:
            raise UsageError(f"{what!r} resolves nothing: say happened, did-not-happen or compensated")
        snapshot = await self._snapshot(saga)
        (position,) = await self._quarantined(snapshot, step)
        graph = await self._process.definitions.graph(snapshot.definition)
        if what == "did-not-happen" and graph.steps[position].mode is Mode.JOURNALED:  # G37
            raise Conflict(
                f"step {step} is journaled: its journal decides; retry it, or roll the saga back, and its service will void it"
            )
        if what == "did-not-happen" and (position in snapshot.claimed or position in snapshot.unquiet):  # G37
            raise Conflict(
                f"step {step} cannot be declared void yet: a call of it may still arrive; wait until its claim and margin are over"
            )
        order = _Order(f"resolve: {what}", actor, reason, dry_run)
        return await self._act(saga, [kinds[what](position)], order, position)

    async def skip(self, saga: UUID, step: str, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Go on without a quarantined step behind the pivot: its effect is not there, and will not come.

        Raises:
            Conflict: it may still come, or somebody needs its result.
        """
        snapshot = await self._snapshot(saga)
        graph = await self._process.definitions.graph(snapshot.definition)
        (position,) = await self._quarantined(snapshot, step)
        obstacle = _obstacle_to_skip(graph, snapshot, position)
        if obstacle is not None:
            raise Conflict(f"step {step} cannot be skipped: {obstacle}")
        return await self._act(saga, [ev.Skipped(position)], _Order("skip", actor, reason, dry_run), position)

    async def abandon(self, saga: UUID, *, actor: str, reason: str, dry_run: bool = False) -> Snapshot:
        """Freeze the saga and give up what is left of it."""
        return await self._act(saga, [ev.Abandoned()], _Order("abandon", actor, reason, dry_run))

    async def _snapshot(self, saga: UUID) -> Snapshot:
        return await self._process.adapter.ledger.snapshot(saga)

    async def _quarantined(self, snapshot: Snapshot, step: str | None) -> list[int]:
        graph = await self._process.definitions.graph(snapshot.definition)
        found = [position for position, letter in enumerate(snapshot.state.vector) if letter in "dwuk"]
        if step is not None:
            found = [position for position in found if graph.steps[position].name == step]
        if not found:
            raise Conflict(
                f"saga {snapshot.saga} has no quarantined step{'' if step is None else f' {step}'}: there is nothing to do"
            )
        return found

    async def _act(self, saga: UUID, events: Sequence[ev.Event], order: _Order, step: int | None = None) -> Snapshot:
        before = await self._snapshot(saga)
        if order.dry_run:
            after = await self._decided(before, events)
            is_changed = not _is_same(before, after)
        else:
            is_changed = await self._process.committer.settle(await self._process.group_for(before, events))
            after = await self._snapshot(saga)
            detail = {"before": _shown(before), "after": _shown(after)}
            await self._process.adapter.ledger.audit(order.actor, order.action, saga, step, order.reason, detail)
        if not is_changed and _is_same(before, after):
            graph = await self._process.definitions.graph(after.definition)
            raise Conflict(f"{order.action} changed nothing: {_standing(graph, after)}")
        return after

    async def _decided(self, before: Snapshot, events: Sequence[ev.Event]) -> Snapshot:
        graph = await self._process.definitions.graph(before.definition)
        now = self._process.store_now()
        state = decide(graph, before.state, events, now=now, jitter=0.0, enforce_deadline=False).state
        return structs.replace(before, state=state)


def _shown(snapshot: Snapshot) -> dict[str, Json]:
    state = snapshot.state
    return {
        "phase": state.phase.name,
        "vector": state.vector,
        "paused": state.paused,
        "rollback_requested": state.rollback_requested,
    }


def _standing(graph: Graph, snapshot: Snapshot) -> str:
    state = snapshot.state
    if state.phase is Phase.RUNNING and is_pivot_passed(graph, state.vector):
        return f"saga {snapshot.saga} has passed its pivot {graph.steps[graph.pivot].name} and only goes forward"
    flags = (", paused" if state.paused else "") + (", rollback requested" if state.rollback_requested else "")
    return f"saga {snapshot.saga} is {state.phase.name.lower()}{flags}"


def _is_same(before: Snapshot, after: Snapshot) -> bool:
    return _shown(before) == _shown(after)


def _obstacle_to_skip(graph: Graph, snapshot: Snapshot, position: int) -> str | None:
    """G37, for a step that is given up instead of declared void: no effect of it may come any more, and nobody may miss its result."""
    step, vector = graph.steps[position], snapshot.state.vector
    if not is_pivot_passed(graph, vector):
        return "the pivot has not passed; resolve it, or roll the saga back"
    if step.mode is Mode.JOURNALED:
        return "it is journaled, and its service may still run it; retry it, or resolve it"
    if position in snapshot.claimed or position in snapshot.unquiet:
        return "a call of it may still arrive; wait until its claim and margin are over"
    readers = [
        other.name
        for other, letter in zip(graph.steps, vector, strict=True)
        if position in other.reads and letter not in FINISHED_LETTERS
    ]
    if graph.returns is not None and step.name in reads(graph.returns):
        readers.append("what the saga returns")
    return f"its result is read by {', '.join(readers)}; resolve it as happened instead" if readers else None
