"""The one decision: what a saga's state becomes when something happens, and which commands follow.

Pure and synchronous. The participant that records an outcome, the supervisor, the tests and the simulator all call
this function. The rules E1 to E13 and the guards are those of docs/concepts/protocol.md; an event that has lost its
moment is a normal decision that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decision import Command, Decision, HistoryEntry
from saga.core.rules.fold import Fold, operation_of
from saga.core.state.letters import FINISHED_LETTERS, QUARANTINED_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State

REMEMBERED_MAX: Final = 1_024  # decisions of a definition


def called_for(graph: Graph, state: State, step: int) -> Operation | None:
    """The operation that the vector calls for now (G1), None where it calls for none or the saga is paused."""
    return None if state.paused else operation_of(state.phase, state.vector[step], graph.steps[step].mode)


def is_pivot_passed(graph: Graph, vector: str) -> bool:
    """G29, G30: after it a rollback is refused."""
    return graph.pivot >= 0 and vector[graph.pivot] in FINISHED_LETTERS


def decide(
    graph: Graph, state: State, events: Sequence[ev.Event], *, now: float, jitter: float, enforce_deadline: bool
) -> Decision:
    """Fold the events into the state.

    `now` is the store's clock in seconds since the epoch; `jitter` in [0, 1) spreads retries. `enforce_deadline` says
    that a deadline that has passed is the saga's own fault and not that of an outage: only then it ends anything.
    """
    if (
        len(events) == 1
        and type(events[0]) is ev.Succeeded
        and _is_undisturbed(state, now, enforce_deadline=enforce_deadline)
    ):
        return _going_on(graph, state, events[0])
    return _folded(Fold(graph, state, now, enforce_deadline=enforce_deadline), state, events, jitter)


def _is_undisturbed(state: State, now: float, *, enforce_deadline: bool) -> bool:
    """Nothing but what its steps do decides where it goes."""
    return (
        state.phase is Phase.RUNNING
        and state.reason is None
        and not (state.rollback_requested or state.paused)
        and (state.deadline is None or now < state.deadline or not enforce_deadline)
    )


def _going_on(graph: Graph, state: State, event: ev.Succeeded) -> Decision:
    """The decision that nearly every outcome leads to. But for the deadline it is the same for all sagas: it is made once."""
    key = state.vector, event.step
    made = graph.decided.get(key)
    if made is None:
        if len(graph.decided) == REMEMBERED_MAX:
            graph.decided.clear()
        timeless = state.due(None)
        made = graph.decided[key] = _folded(Fold(graph, timeless, 0.0, enforce_deadline=False), timeless, (event,), 0.0)
    after = made.state.due(state.deadline) if made.changed else state
    return Decision(after, made.changed, made.commands, made.entries)


def _folded(fold: Fold, before: State, events: Sequence[ev.Event], jitter: float) -> Decision:
    for event in events:
        if type(event) is ev.Failed:  # the only rule that spreads in time
            _on_failed(fold, event, jitter)
        else:
            _RULES[type(event)](fold, event)
    return _decision(fold, before)


def _decision(fold: Fold, before: State) -> Decision:
    vector = "".join(fold.letters)
    changed = (
        vector != before.vector
        or fold.phase is not before.phase
        or fold.cancel is not before.rollback_requested
        or fold.paused is not before.paused
        or fold.deadline != before.deadline
        or fold.reason != before.reason
    )
    state = before
    if changed:
        state = State(fold.phase, vector, fold.cancel, fold.paused, fold.deadline, fold.reason)
    return Decision(state, changed, _commands(fold), tuple([HistoryEntry(*entry) for entry in fold.entries]))


def _commands(fold: Fold) -> tuple[Command, ...]:
    """What was sent, without what a later event of the same call has made obsolete."""
    if fold.paused or not fold.commands:
        return ()
    return tuple(
        [
            Command(step, operation, after_seconds)
            for step, (operation, after_seconds) in fold.commands.items()
            if fold.operation(step) is operation
        ]
    )


def _on_started(fold: Fold, _: ev.Started) -> None:
    fold.note_saga("started")
    fold.advance_all()


def _on_failed(fold: Fold, event: ev.Failed, jitter: float) -> None:
    fold.note("failed", event.step, event.error)
    operation = fold.operation(event.step)
    if operation is None or event.operation not in (None, operation):
        return
    step = fold.graph.steps[event.step]
    policy = step.retry if fold.letters[event.step] == "D" else step.compensation_retry
    pause = max(policy.pause_seconds(event.failures, jitter), event.quiet_in_seconds)
    if fold.phase is not Phase.ABANDONING and _is_given_up(fold, event):
        times = f" after {event.failures} failures" if event.failures > 1 else ""
        fold.exhausted(event.step, f"given up{times}: {event.error}")
    _ask_again(fold, event.step, operation, pause)


def _is_given_up(fold: Fold, event: ev.Failed) -> bool:
    step = fold.graph.steps[event.step]
    policy = step.retry if fold.letters[event.step] == "D" else step.compensation_retry
    too_long = policy.give_up_after_ms is not None and event.first_failure_ago_seconds * 1000 >= policy.give_up_after_ms
    is_late = fold.deadline is not None and fold.now >= fold.deadline
    over_budget = fold.phase is Phase.COMPENSATING and is_late and fold.enforce
    return event.final or too_long or over_budget or policy.is_exhausted(event.failures)


def _on_ongoing(fold: Fold, event: ev.Ongoing) -> None:
    operation = fold.operation(event.step)
    if operation is not None:
        _ask_again(fold, event.step, operation, event.again_in_seconds)


def _ask_again(fold: Fold, step: int, operation: Operation, after_seconds: float) -> None:
    """Later, if the vector still calls for it. An external step that is rolled back meanwhile keeps its pause (G25)."""
    if fold.phase is Phase.RUNNING:
        fold.rolls_back_overdue()
    if fold.operation(step) is operation:
        fold.send(step, operation, after_seconds)


def _on_reported(fold: Fold, event: ev.Reported) -> None:
    letter = fold.letters[event.step]
    if fold.phase is Phase.ABANDONING and letter == "G" and fold.graph.steps[event.step].mode is Mode.JOURNALED:
        fold.thaw(event.step, _FROZEN_AS[event.finding.value], f"frozen: {event.finding.value}")
    elif event.finding is ev.JournalReport.EXECUTED:
        fold.succeeded(event.step)
    elif event.finding is ev.JournalReport.COMPENSATED:
        fold.compensated(event.step)
    elif letter in "Ww":
        fold.voided(event.step)
    else:
        fold.note("late report recorded", event.step, event.finding.value)


_FROZEN_AS: Final = {"executed": "S", "voided": "V", "compensated": "Z"}


def _on_absent(fold: Fold, event: ev.Absent) -> None:
    if fold.phase is Phase.COMPENSATING:
        fold.rejected(event.step, "the probe says that it did not happen")
    elif fold.cancel and event.step == fold.graph.pivot:
        fold.voided(event.step)


def _on_quiet(fold: Fold, event: ev.Quiet) -> None:
    is_frozen = fold.phase is Phase.ABANDONING and fold.letters[event.step] == "G"
    if is_frozen and fold.graph.steps[event.step].mode is Mode.EXTERNAL:
        fold.thaw(event.step, "?", "effect unknown")


def _on_roll_back(fold: Fold, event: ev.RollbackRequested) -> None:
    """One that the clock asked for is dropped where the deadline was extended meanwhile, or the pivot has passed."""
    if event.deadline and (fold.deadline is None or fold.now < fold.deadline or fold.is_passed()):
        return
    fold.ask_roll_back(event.reason)


def _on_tick(fold: Fold, event: ev.Redriven) -> None:
    if fold.phase is Phase.RUNNING:
        fold.rolls_back_overdue()
    for step in range(len(fold.letters)):
        operation = fold.operation(step)
        if operation is not None and step not in event.held and step not in fold.commands:
            fold.send(step, operation)


def _on_paused(fold: Fold, _: ev.Paused) -> None:
    if not fold.paused and fold.phase in _PAUSABLE:
        fold.paused = True
        fold.note_saga("paused")


_PAUSABLE: Final = (Phase.RUNNING, Phase.COMPENSATING)


def _on_resumed(fold: Fold, _: ev.Resumed) -> None:
    if not fold.paused:
        return
    fold.paused = False
    fold.note_saga("resumed")
    if fold.phase is Phase.COMPENSATING:
        fold.settle()
    fold.advance_all()
    _on_tick(fold, ev.Redriven())


def _on_retried(fold: Fold, event: ev.Retried) -> None:
    letter = fold.letters[event.step]
    waits_for_successors = letter == "d" and fold.phase is Phase.COMPENSATING
    if letter not in QUARANTINED_LETTERS or waits_for_successors:
        return
    fold.letters[event.step] = letter.upper()
    fold.note("retried by an operator", event.step)
    operation = fold.operation(event.step)
    if operation is not None:
        fold.send(event.step, operation)


def _on_happened(fold: Fold, event: ev.Happened) -> None:
    if fold.letters[event.step] in "dwu":
        fold.note("resolved by an operator: it happened", event.step)
        fold.succeeded(event.step)


def _on_did_not_happen(fold: Fold, event: ev.DidNotHappen) -> None:
    if fold.letters[event.step] not in "dwu" or fold.is_passed():
        return
    fold.note("resolved by an operator: it did not happen", event.step)
    if fold.phase is Phase.RUNNING and event.step == fold.graph.pivot:
        fold.voided(event.step)
    else:
        fold.rejected(event.step, "an operator says that it did not happen")


def _on_waived(fold: Fold, event: ev.Skipped) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[event.step] == "d" and fold.is_passed():
        fold.letters[event.step] = "N"
        fold.note("skipped by an operator", event.step)
        fold.advance(fold.graph.successors[event.step])


def _on_undone(fold: Fold, event: ev.CompensatedByHand) -> None:
    if fold.letters[event.step] == "k":
        fold.note("resolved by an operator: it is undone", event.step)
        fold.compensated(event.step)


def _on_extended(fold: Fold, event: ev.Extended) -> None:
    if fold.deadline is not None and not fold.phase.is_terminal:
        fold.deadline += event.by_seconds
        fold.note_saga("deadline extended", f"by {event.by_seconds:.0f} s: an outage")


_RULES: Final[dict[type[ev.Event], Callable[[Fold, Any], None]]] = {
    ev.Started: _on_started,
    ev.Succeeded: lambda fold, event: fold.succeeded(event.step),
    ev.Rejected: lambda fold, event: fold.rejected(event.step, event.reason),
    ev.Ongoing: _on_ongoing,
    ev.Compensated: lambda fold, event: fold.compensated(event.step),
    ev.Reported: _on_reported,
    ev.Absent: _on_absent,
    ev.Quiet: _on_quiet,
    ev.RollbackRequested: _on_roll_back,
    ev.Redriven: _on_tick,
    ev.Paused: _on_paused,
    ev.Resumed: _on_resumed,
    ev.Retried: _on_retried,
    ev.Happened: _on_happened,
    ev.DidNotHappen: _on_did_not_happen,
    ev.Skipped: _on_waived,
    ev.CompensatedByHand: _on_undone,
    ev.Abandoned: lambda fold, _: fold.abandon(),
    ev.Extended: _on_extended,
}
