"""Tells whether a saga passes a query. A pure function, the same for every store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.definition.step import Wait
from saga.core.state.phase import Phase
from saga.inspection.query.names import dashed, state_word
from saga.inspection.query.terms import Query
from saga.inspection.step_wait import is_under_way
from saga.inspection.why import why
from saga.inspection.wording import phase_word
from saga.ports.saga_detail import SagaDetail
from saga.ports.values.scan import ScannedSaga, ScanPage

Found = Iterable[str | float]


def detail_of(found: ScannedSaga, graph: Graph, page: ScanPage) -> SagaDetail:
    """The saga as a query sees it: without payloads, records and history, which no term asks for."""
    return SagaDetail(
        saga=found.saga,
        graph=graph,
        state=found.state,
        now=page.now,
        started_at=found.started_at,
        ended_at=found.ended_at,
        wake_at=found.wake_at,
        key=found.key,
        tags=found.tags,
        input=b"",
        commands=found.commands,
        records={},
        history=(),
        serving=page.serving,
        leader=page.leader,
    )


def matches(query: Query, one: SagaDetail) -> bool:
    return all(term.holds(_FOUND[term.name](one, term.argument)) for term in query.terms)


def _is(one: SagaDetail, _: str | None) -> Found:
    state = one.state
    is_live = not state.phase.is_terminal
    waiting = [command for command in one.commands.values() if command.owner is None and command.due_at is not None]
    facts = {
        "stuck": is_live and state.is_stuck,
        "paused": is_live and state.paused,
        "late": state.phase is Phase.RUNNING and state.deadline is not None and state.deadline < one.now,
        "retrying": is_live and any(command.failures and not _is_due(command.due_at, one.now) for command in waiting),
        "waiting": is_live and any(_is_due(command.due_at, one.now) for command in waiting),
        "ended": not is_live,
        "rollback-requested": state.rollback_requested,
    }
    return [word for word, is_so in facts.items() if is_so]


def _is_due(due_at: float | None, now: float) -> bool:
    return due_at is not None and due_at <= now


def _tag(one: SagaDetail, name: str | None) -> Found:
    tags = json.loads(one.tags) if one.tags else {}
    return [str(tags[name])] if name in tags else []


def _step(one: SagaDetail, name: str | None) -> Found:
    """Without a name: the steps under way. With one: the state of that step."""
    steps = one.graph.steps
    if name is None:
        return [steps[position].name for position in _under_way(one)]
    states = zip(steps, one.state.vector, strict=True)
    return [state_word(letter) for step, letter in states if step.name == name]


def _under_way(one: SagaDetail) -> list[int]:
    is_over = one.state.phase.is_terminal
    return [] if is_over else [step for step in range(len(one.state.vector)) if is_under_way(one, step)]


def _events(one: SagaDetail) -> Found:
    """The events for which the saga waits, without those that would cancel it."""
    waits = [one.graph.steps[position] for position in _under_way(one)]
    return [name for step in waits if isinstance(step, Wait) for name in step.names]


def _known(value: float | None) -> Found:
    return [] if value is None else [value]


_FOUND: Final[dict[str, Callable[[SagaDetail, str | None], Found]]] = {
    "age": lambda one, _: [one.now - one.started_at],
    "attempts": lambda one, _: [command.deliveries for command in one.commands.values()],
    "deadline": lambda one, _: _known(one.state.deadline),
    "definition": lambda one, _: [one.graph.name],
    "ended": lambda one, _: _known(one.ended_at),
    "event": lambda one, _: _events(one),
    "id": lambda one, _: [str(one.saga)],
    "is": _is,
    "key": lambda one, _: [] if one.key is None else [one.key],
    "phase": lambda one, _: [phase_word(one.state.phase)],
    "process": lambda one, _: [c.owner for c in one.commands.values() if c.owner is not None],
    "reason": lambda one, _: [] if one.state.reason is None else [one.state.reason],
    "service": lambda one, _: [one.graph.steps[position].service for position in _under_way(one)],
    "started": lambda one, _: [one.started_at],
    "state": lambda one, _: [state_word(letter) for letter in one.state.vector],
    "step": _step,
    "tag": _tag,
    "version": lambda one, _: [one.graph.version],
    "why": lambda one, _: [dashed(why(one).situation.value)],
}
