"""Explains what a saga waits for at one step that is under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.definition.step import Timer, Wait
from saga.core.rules.branches import NOT_BEGUN
from saga.core.rules.history_kind import HistoryKind
from saga.core.rules.outcomes import MAY_NOT_REJECT
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import (
    ANY_COMPENSATING,
    ANY_RESOLVING,
    ANY_VOIDING,
    COMPENSATING,
    DECLARABLE_LETTERS,
    DISPATCHED,
    FROZEN,
    QUARANTINED_LETTERS,
    RESOLVING,
    UNDER_WAY_LETTERS,
    VOIDING,
)
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.text import DOES_NOT_FIT
from saga.inspection.explanation import ONLY_AN_OPERATOR, Explanation, Outlook, Situation
from saga.inspection.moments import last_change, last_line, last_time, pending_rollback
from saga.ports.saga_detail import CommandDetail, SagaDetail

NO_LIMIT: Final = "there is no time limit"
_BY_LETTER: Final[Mapping[str, Situation]] = {
    RESOLVING: Situation.RESOLVING,
    COMPENSATING: Situation.UNDOING,
    VOIDING: Situation.VOIDING,
    FROZEN: Situation.FREEZING,
}


def is_under_way(detail: SagaDetail, step: int) -> bool:
    """Tells whether the saga waits for this step.

    A step that waits for its successors to be compensated does not count, nor a wait for an event that cancels the saga.
    """
    letter = detail.state.vector[step]
    if step in detail.graph.cancelling:
        return letter in QUARANTINED_LETTERS
    waits_for_successors = letter == DISPATCHED and detail.state.phase is Phase.COMPENSATING
    return letter in UNDER_WAY_LETTERS and not waits_for_successors


def step_wait(detail: SagaDetail, step: int) -> Explanation:
    """Explains what a step that is under way waits for."""
    letter = detail.state.vector[step]
    if letter in QUARANTINED_LETTERS:
        return _quarantined(detail, step)
    if letter == FROZEN and detail.graph.steps[step].mode is Mode.EXTERNAL:
        return _freezing(detail, step)
    command = detail.commands.get(step)
    if is_waiting(detail, step, command):
        return _waiting(detail, step, command)
    if command is not None and command.owner is not None:
        return _running(detail, step, command)
    if not _serving(detail, step):
        return _nobody_alive(detail, step, command)
    if command is None:
        return _unsent(detail, step)
    if command.due_at is not None and command.due_at > detail.now:
        return _retry_wait(detail, step, command)
    return _queued(detail, step, command)


def is_waiting(detail: SagaDetail, step: int, command: CommandDetail | None) -> bool:
    """Returns whether a step waits for an event, for a moment, or for another system that completes it.

    A process that holds the command of a wait or a timer only looks whether there is something to do. Where no process of the service is
    alive, a command that is due waits for one: its event has come, or its time has passed.
    """
    if isinstance(detail.graph.steps[step], Wait | Timer):
        return not _is_left_alone(detail, step, command)
    return command is not None and command.owner is None and command.until is not None


def _is_left_alone(detail: SagaDetail, step: int, command: CommandDetail | None) -> bool:
    """Tells whether a command is due, and no process of its service is alive."""
    if command is None or command.owner is not None or _serving(detail, step):
        return False
    return command.due_at is not None and command.due_at <= detail.now


def _waiting(detail: SagaDetail, step: int, command: CommandDetail | None) -> Explanation:
    written, until = detail.graph.steps[step], None if command is None else command.until
    remedy: str | None
    match written:
        case Wait():
            what, then = _awaited(written), _without_event(written, until)
            remedy = f"saga send {detail.saga} {written.names[0]} PAYLOAD"
        case Timer():
            what, then, remedy = f"the moment of {written.name}", "the saga goes on", None
        case _:
            what, then = f"another system to complete step {written.name}", "the attempt fails"
            remedy = "saga complete TOKEN RESULT"
    return replace(_moving(detail, step, Situation.WAITING, what, last_change(detail), (until, then)), remedy=remedy)


def _awaited(wait: Wait) -> str:
    return f"the event {wait.names[0]}" if len(wait.names) == 1 else f"one of the events {' or '.join(wait.names)}"


def _without_event(wait: Wait, until: float | None) -> str:
    """The consequence if no event comes."""
    if until is None:
        return NO_LIMIT
    return "the saga goes on without it" if wait.otherwise is not None or wait.goes_on else "it is rolled back"


def _quarantined(detail: SagaDetail, step: int) -> Explanation:
    line = last_line(detail, HistoryKind.QUARANTINED, step)
    reason = None if line is None else line.detail
    note = pending_rollback(detail)
    is_repeated = note is not None and reason is not None and reason in note  # refused because of this very failure
    return Explanation(
        situation=Situation.QUARANTINED,
        step=detail.graph.steps[step].name,
        waits_for=f"an operator: {_purpose(detail, step)} is quarantined" + (f" ({reason})" if reason else ""),
        since=last_time(detail, HistoryKind.QUARANTINED, step),
        outlook=ONLY_AN_OPERATOR,
        remedy=_way_out(detail, step, reason or ""),
        note=None if is_repeated else note,
    )


def _way_out(detail: SagaDetail, step: int, reason: str) -> str:
    if DOES_NOT_FIT in reason:
        return f"deploy a build of {detail.graph.steps[step].service} that reads it, then {_after_deployment(detail, step, reason)}"
    if step in detail.commands or NOT_BEGUN not in reason:
        return way_out_of_quarantine(detail.saga, detail.graph, detail.state.vector, step)
    name = detail.graph.steps[step].name
    run = f"saga retry {detail.saga} {name}, which runs it all the same"
    return run if detail.graph.steps[step].mode is Mode.JOURNALED else f"saga skip {detail.saga} {name}, or {run}"


def evidence_for(graph: Graph, vector: str, position: int) -> tuple[str, ...]:
    """Returns what an operator may declare about a quarantined step. G37: only the journal can say that a step did not happen."""
    if vector[position] not in DECLARABLE_LETTERS:
        return ("compensated",)
    is_certain = is_pivot_passed(graph, vector) or graph.steps[position].mode is Mode.JOURNALED
    return ("happened",) if is_certain else ("happened", "did-not-happen")


def _after_deployment(detail: SagaDetail, step: int, reason: str) -> str:
    if MAY_NOT_REJECT not in reason:
        return way_out_of_quarantine(detail.saga, detail.graph, detail.state.vector, step)
    name = detail.graph.steps[step].name
    skip = "" if detail.graph.steps[step].mode is Mode.JOURNALED else f", or saga skip {detail.saga} {name}"
    return f"saga retry {detail.saga} {name}{skip}"


def way_out_of_quarantine(saga: UUID, graph: Graph, vector: str, step: int) -> str:
    """Words the commands that an operator can run for a quarantined step."""
    name, evidence = graph.steps[step].name, "|".join(evidence_for(graph, vector, step))
    return f"saga retry {saga} {name}, or, once you know what happened, saga resolve {saga} {name} {evidence}"


def _freezing(detail: SagaDetail, step: int) -> Explanation:
    name, command = detail.graph.steps[step].name, detail.commands.get(step)
    return Explanation(
        situation=Situation.FREEZING,
        step=name,
        waits_for=f"the moment after which no call of step {name} can arrive",
        since=last_time(detail, HistoryKind.ABANDONING),
        outlook=(None if command is None else command.quiet_at or command.lease_until, "the saga is abandoned"),
        who=_serving(detail, step),
    )


def _running(detail: SagaDetail, step: int, command: CommandDetail) -> Explanation:
    what = f"{command.owner}, which runs {_purpose(detail, step)} (attempt {command.deliveries})"
    outlook = (command.lease_until, "its claim ends unless it is renewed")
    answer = _moving(detail, step, Situation.RUNNING, what, last_change(detail), outlook)
    return replace(answer, who=(command.owner or "",))


def _nobody_alive(detail: SagaDetail, step: int, command: CommandDetail | None) -> Explanation:
    service = detail.graph.steps[step].service
    return Explanation(
        situation=Situation.NOBODY_ALIVE,
        step=detail.graph.steps[step].name,
        waits_for=f"a process of {service}, for {_purpose(detail, step)}: none is alive",
        since=_waiting_since(detail, command),
        outlook=_deadline(detail),
        remedy=f"saga participant MODULE:{service}",
        note=pending_rollback(detail),
    )


def _unsent(detail: SagaDetail, step: int) -> Explanation:
    what = f"the command of {_purpose(detail, step)}, which is on its way or lost"
    return _moving(
        detail, step, Situation.UNCLAIMED, what, last_change(detail), (detail.wake_at, "the command is sent again")
    )


def _retry_wait(detail: SagaDetail, step: int, command: CommandDetail) -> Explanation:
    what = f"the next attempt of {_purpose(detail, step)}"
    if command.failures:
        what += f" after {command.failures} {'failure' if command.failures == 1 else 'failures'}"
    if command.error:
        what += f": {command.error}"
    since = _waiting_since(detail, command)
    return _moving(detail, step, Situation.RETRY_WAIT, what, since, (command.due_at, "it is retried"))


def _queued(detail: SagaDetail, step: int, command: CommandDetail) -> Explanation:
    what = f"a process of {detail.graph.steps[step].service} to claim {_purpose(detail, step)}"
    return _moving(detail, step, Situation.UNCLAIMED, what, _waiting_since(detail, command), _deadline(detail))


def _waiting_since(detail: SagaDetail, command: CommandDetail | None) -> float:
    """Since when a command that nobody runs has waited: its first failure, or when it was due."""
    if command is None or command.due_at is None:
        return last_change(detail)
    if command.due_at > detail.now:
        return command.first_failed_at or last_change(detail)
    return command.due_at


def _moving(
    detail: SagaDetail, step: int, situation: Situation, what: str, since: float, outlook: Outlook
) -> Explanation:
    """A step that goes on without an operator. What it is doing says more than where its command is."""
    return Explanation(
        situation=_BY_LETTER.get(detail.state.vector[step], situation),
        step=detail.graph.steps[step].name,
        waits_for=what,
        since=since,
        outlook=outlook,
        who=_serving(detail, step),
        note=pending_rollback(detail),
    )


def _purpose(detail: SagaDetail, step: int) -> str:
    name, letter = detail.graph.steps[step].name, detail.state.vector[step]
    if letter in ANY_COMPENSATING:
        return f"the compensation of step {name}"
    if letter in ANY_RESOLVING:
        return f"step {name}, whose outcome must be known before it can be compensated"
    if letter in ANY_VOIDING or letter == FROZEN:
        return f"step {name}, which its journal either voids or reports as executed"
    return f"step {name}"


def _serving(detail: SagaDetail, step: int) -> tuple[str, ...]:
    return detail.serving.get(detail.graph.steps[step].service, ())


def _deadline(detail: SagaDetail) -> Outlook:
    """The next thing that happens because of the deadline, if any."""
    state = detail.state
    if state.deadline is None or (state.phase is Phase.RUNNING and is_pivot_passed(detail.graph, state.vector)):
        return None, NO_LIMIT
    if state.rollback_requested:
        return None, "the rollback waits, whatever the deadline"
    if state.phase is Phase.COMPENSATING:
        return state.deadline, "the compensation budget ends, and a step that fails after it is quarantined"
    return state.deadline, "it is rolled back"
