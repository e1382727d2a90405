"""Explains why a saga does not move on: what it waits for, since when, until when, and who can act. A pure function."""

from __future__ import annotations

from math import inf
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.rules.history_kind import HistoryKind
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import ACTIVE_LETTERS, COMPENSATED, HANDLED, SUCCEEDED, UNKNOWN
from saga.core.state.phase import Phase
from saga.inspection.explanation import ONLY_AN_OPERATOR, Explanation, Situation
from saga.inspection.moments import last_change, last_time
from saga.inspection.step_reason import Undone, reason_of, undone_of
from saga.inspection.step_wait import is_under_way, step_wait
from saga.ports.saga_detail import SagaDetail

_LEFT_LETTERS: Final = frozenset((SUCCEEDED, UNKNOWN))


def why(detail: SagaDetail) -> Explanation:
    """Explains what a saga waits for; of several steps under way, the one that needs attention most."""
    if detail.state.phase.is_terminal:
        return _ended(detail)
    if detail.state.paused:
        return _paused(detail)
    waits = [step_wait(detail, step) for step in range(len(detail.graph.steps)) if is_under_way(detail, step)]
    if (late := _past_deadline(detail)) is not None:
        waits.append(late)
    return min(waits, key=lambda wait: _precedence(detail.graph, wait)) if waits else _between(detail)


def _precedence(graph: Graph, wait: Explanation) -> tuple[int, bool, float]:
    """The most urgent first; of those that are alike, the one that ends first. What another step may end comes last: a reminder."""
    until, _ = wait.outlook
    is_aside = wait.step is not None and graph.steps[graph.position(wait.step)].until is not None
    return wait.urgency, is_aside, inf if until is None else until


def _ended(detail: SagaDetail) -> Explanation:
    situation, note = Situation.COMPLETED, None
    if detail.state.phase is Phase.COMPENSATED:
        situation = Situation.ROLLED_BACK
        note = _undone(detail)
    elif detail.state.phase is Phase.ABANDONED:
        situation = Situation.ABANDONED
        note = f"left as they are: {_steps_in(detail, _LEFT_LETTERS) or 'nothing'}"
    elif HANDLED in detail.state.vector:
        note = f"it went on without {_rejections(detail)}"
    since = detail.started_at if detail.ended_at is None else detail.ended_at
    return Explanation(situation=situation, waits_for=None, since=since, outlook=(None, "it is over"), note=note)


def _rejections(detail: SagaDetail) -> str:
    """The steps whose rejections were handled, each with its reason."""
    handled = [step for step, letter in enumerate(detail.state.vector) if letter == HANDLED]
    return ", ".join(f"{detail.graph.steps[step].name} ({reason_of(detail, step)})" for step in handled)


def _undone(detail: SagaDetail) -> str:
    """Tells what a rollback has undone from what had not happened, and from what has no compensation."""
    found: dict[Undone, list[str]] = {way: [] for way in Undone}
    for step, letter in enumerate(detail.state.vector):
        if letter == COMPENSATED and not detail.graph.steps[step].read_only:
            found[undone_of(detail, step)].append(detail.graph.steps[step].name)
    if not found[Undone.COMPENSATED]:
        found[Undone.COMPENSATED].append("nothing, no step had an effect to undo")
    return "; ".join(f"{way.value}: {', '.join(names)}" for way, names in found.items() if names)


def _paused(detail: SagaDetail) -> Explanation:
    in_progress = _steps_in(detail, ACTIVE_LETTERS)
    notes = [f"in progress when it was paused: {in_progress}"] if in_progress else []
    if detail.state.deadline is not None and not is_pivot_passed(detail.graph, detail.state.vector):
        notes.append("its deadline still applies")
    return Explanation(
        situation=Situation.PAUSED,
        waits_for="an operator: it is paused",
        since=last_time(detail, HistoryKind.PAUSED),
        outlook=ONLY_AN_OPERATOR,
        remedy=f"saga resume {detail.saga}",
        note="; ".join(notes) or None,
    )


def _past_deadline(detail: SagaDetail) -> Explanation | None:
    state = detail.state
    if state.deadline is None or state.deadline > detail.now or state.phase is not Phase.RUNNING:
        return None
    if state.rollback_requested or is_pivot_passed(detail.graph, state.vector):
        return None
    if detail.leader is None:
        return Explanation(
            situation=Situation.PAST_DEADLINE,
            waits_for="a supervisor to roll it back: its deadline has passed, and no supervisor leads",
            since=state.deadline,
            outlook=(detail.wake_at, "a participant of its services redrives it"),
            remedy="saga supervisor",
        )
    return Explanation(
        situation=Situation.PAST_DEADLINE,
        waits_for="the supervisor to roll it back: its deadline has passed",
        since=state.deadline,
        outlook=(detail.wake_at, "the supervisor checks it again"),
        who=(detail.leader,),
    )


def _between(detail: SagaDetail) -> Explanation:
    """No step is under way: a process has to decide what comes next."""
    who = {name for service in detail.graph.services for name in detail.serving.get(service, ())}
    return Explanation(
        situation=Situation.BETWEEN,
        waits_for="a process to decide what comes next",
        since=last_change(detail),
        outlook=(detail.wake_at, "it is redriven"),
        who=tuple(sorted(who)),
    )


def _steps_in(detail: SagaDetail, letters: frozenset[str]) -> str:
    steps = zip(detail.graph.steps, detail.state.vector, strict=True)
    return ", ".join(step.name for step, letter in steps if letter in letters)
