"""The one decision: what a saga's state becomes when something happens, and which commands follow.

Pure and synchronous. The participant that records an outcome, the supervisor, the tests and the simulator all call this function. The rules
E1 to E13 and the guards are those of docs/concepts/protocol.md; an event that has lost its moment is a normal decision that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from saga.core import events as ev
from saga.core.graph import Graph
from saga.core.states import FINISHED_LETTERS, OPEN_LETTERS, QUARANTINED_LETTERS, Mode, Operation, Phase

_RUNNING, _COMPENSATING, _ABANDONING = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING
_CALLED_FOR: Final = {
    (_RUNNING, "D"): Operation.EXECUTE,
    (_RUNNING, "W"): Operation.VOID_OR_REPORT,
    (_COMPENSATING, "U"): Operation.EXECUTE,
    (_COMPENSATING, "K"): Operation.COMPENSATE,
}


@dataclass(frozen=True, slots=True)
class State:
    """A saga as its row says it. `vector` has one letter a step; `deadline` is in seconds since the epoch, on the store's clock."""

    phase: Phase
    vector: str
    cancel_requested: bool
    paused: bool
    deadline: float | None
    reason: str | None

    @property
    def is_stuck(self) -> bool:
        return not QUARANTINED_LETTERS.isdisjoint(self.vector)


@dataclass(frozen=True, slots=True)
class Command:
    """An instruction to the service of a step, due `after_seconds` from now."""

    step: int
    operation: Operation
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the saga's history; `step` is -1 where it is about the whole saga."""

    kind: str
    step: int
    detail: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be committed, and published only afterwards."""

    state: State
    changed: bool
    commands: tuple[Command, ...]
    entries: tuple[Entry, ...]


def initial_state(graph: Graph, *, now: float) -> State:
    """A saga before its first event; the deadline counts from now."""
    deadline = None if graph.deadline_seconds is None else now + graph.deadline_seconds
    return State(_RUNNING, "P" * len(graph.steps), False, False, deadline, None)


def called_for(graph: Graph, state: State, step: int) -> Operation | None:
    """The operation that the vector calls for now (G1), None where it calls for none or the saga is paused."""
    if state.paused:
        return None
    if state.phase is _ABANDONING:
        frozen_journal = state.vector[step] == "G" and graph.steps[step].mode is Mode.JOURNALED
        return Operation.VOID_OR_REPORT if frozen_journal else None
    return _CALLED_FOR.get((state.phase, state.vector[step]))


def is_pivot_passed(graph: Graph, vector: str) -> bool:
    """G29, G30: after it a roll-back is refused."""
    return graph.pivot >= 0 and vector[graph.pivot] in FINISHED_LETTERS


def decide(
    graph: Graph, state: State, events: Iterable[ev.Event], *, now: float, jitter: float, enforce_deadline: bool
) -> Decision:
    """Fold the events into the state.

    `now` is the store's clock in seconds since the epoch; `jitter` in [0, 1) spreads retries. `enforce_deadline` says that a deadline that
    has passed is the saga's own fault and not that of an outage: only then it rolls back instead of dispatching.
    """
    draft = _Draft(graph, state, now, jitter, enforce_deadline)
    for event in events:
        _RULES[type(event)](draft, event)
    return draft.decision(state)


class _Draft:
    """A state while events are folded into it."""

    __slots__ = (
        "cancel", "commands", "deadline", "enforce", "entries", "graph", "jitter", "letters", "now", "paused", "phase", "reason",
    )  # fmt: skip

    def __init__(self, graph: Graph, state: State, now: float, jitter: float, enforce: bool) -> None:
        self.graph = graph
        self.phase = state.phase
        self.letters = list(state.vector)
        self.cancel = state.cancel_requested
        self.paused = state.paused
        self.deadline = state.deadline
        self.reason = state.reason
        self.now = now
        self.jitter = jitter
        self.enforce = enforce
        self.commands: dict[int, Command] = {}
        self.entries: list[Entry] = []

    def decision(self, before: State) -> Decision:
        state = State(self.phase, "".join(self.letters), self.cancel, self.paused, self.deadline, self.reason)
        return Decision(state, state != before, tuple(self.commands.values()), tuple(self.entries))

    def note(self, kind: str, step: int = -1, detail: str | None = None) -> None:
        self.entries.append(Entry(kind, step, detail))

    def send(self, step: int, operation: Operation, after_seconds: float = 0.0) -> None:
        if not self.paused:
            self.commands[step] = Command(step, operation, after_seconds)

    def is_passed(self) -> bool:
        pivot = self.graph.pivot
        return pivot >= 0 and self.letters[pivot] in FINISHED_LETTERS

    def mode(self, step: int) -> Mode:
        return self.graph.steps[step].mode

    def is_unresolved(self, step: int) -> bool:
        """While COMPENSATING: X waits for a definite answer (U), J's D means 'unknown, waits for its successors' (G13)."""
        letter = self.letters[step]
        return letter in "Uu" or (letter in "Dd" and self.mode(step) is Mode.JOURNALED)

    # -- E5: forward ---------------------------------------------------------------------------------------------------------------

    def advance(self, candidates: Iterable[int]) -> None:
        if self.phase is not _RUNNING or self.is_rolled_back_by_deadline():
            return
        letters, steps = self.letters, self.graph.steps
        if not self.cancel and not self.paused:
            for step in candidates:
                if letters[step] == "P" and all(letters[before] in FINISHED_LETTERS for before in steps[step].after):
                    letters[step] = "D"
                    self.send(step, Operation.EXECUTE)
        if letters.count("S") + letters.count("N") == len(letters):  # G10: every step, not only the leaves
            self.phase = Phase.COMPLETED
            self.note("completed")

    def advance_all(self) -> None:
        self.advance(range(len(self.letters)))

    def is_rolled_back_by_deadline(self) -> bool:
        """A decider that sees a deadline behind it rolls back instead of dispatching."""
        if self.deadline is None or not self.enforce or self.now < self.deadline or self.cancel or self.is_passed():
            return False
        self.ask_roll_back("deadline passed")
        return self.phase is not _RUNNING

    # -- E6, E7: backward ----------------------------------------------------------------------------------------------------------

    def ask_roll_back(self, reason: str) -> None:
        if self.phase is not _RUNNING:  # G5
            return
        pivot = self.graph.pivot
        if self.is_passed():  # G29
            self.note("roll-back refused", pivot, f"{reason}: the pivot has passed")
            return
        if pivot >= 0 and self.letters[pivot] in OPEN_LETTERS and self.mode(pivot) is not Mode.TRANSACTIONAL:
            if not self.cancel:
                self.note("roll-back waits", pivot, f"{reason}: the outcome of the pivot is not known yet")
            self.cancel, self.reason = True, self.reason or reason
            if self.mode(pivot) is Mode.JOURNALED and self.letters[pivot] in "Dd":  # G31
                self.letters[pivot] = "W"
                self.send(pivot, Operation.VOID_OR_REPORT)
            return  # G32
        self.roll_back(reason)

    def roll_back(self, reason: str) -> None:
        self.phase, self.cancel, self.reason = _COMPENSATING, False, self.reason or reason
        self.deadline = self.now + self.graph.compensation_budget_seconds
        self.note("rolling back", -1, self.reason)
        for step, letter in enumerate(self.letters):
            if letter == "P":
                self.letters[step] = "V"
            elif letter in OPEN_LETTERS:
                self.unknown(step)
        self.settle()

    def unknown(self, step: int) -> None:
        """G14: a step of unknown outcome at roll-back."""
        mode = self.mode(step)
        if mode is Mode.TRANSACTIONAL or self.graph.steps[step].read_only:
            self.letters[step] = "V"
        elif mode is Mode.EXTERNAL:  # G22
            self.letters[step] = "U"
            self.send(step, Operation.EXECUTE)
        else:
            self.letters[step] = "D"

    def settle(self) -> None:
        """From the leaves up: a step is compensated only when all its successors are clear (G11, G13)."""
        letters, all_clear = self.letters, True
        clear: set[int] = set()
        for step in self.graph.downward:
            successors_clear = clear.issuperset(self.graph.successors[step])
            waits = letters[step] == "S" or (letters[step] in "Dd" and self.mode(step) is Mode.JOURNALED)
            if waits and successors_clear and not self.paused:
                self.compensate(step)
            if letters[step] in "RVZ" or (letters[step] == "N" and successors_clear):  # G12
                clear.add(step)
            else:
                all_clear = False
        if all_clear:
            self.phase, self.cancel = Phase.COMPENSATED, False
            self.note("compensated all")

    def compensate(self, step: int) -> None:
        if self.graph.steps[step].compensation or self.letters[step] != "S":
            self.letters[step] = "K"
            self.send(step, Operation.COMPENSATE)
        else:
            self.letters[step] = "Z"
            self.note("nothing to compensate", step)

    # -- E3, E4, E9: outcomes ------------------------------------------------------------------------------------------------------

    def succeeded(self, step: int) -> None:
        letter = self.letters[step]
        if self.phase is _RUNNING and letter in OPEN_LETTERS:
            self.letters[step] = "S"
            self.note("succeeded", step)
            if step == self.graph.pivot:
                self.release()
                self.advance_all()
            else:
                self.advance(self.graph.successors[step])
        elif self.phase is _COMPENSATING and self.is_unresolved(step):  # G8
            self.letters[step] = "S"
            self.note("resolved: it happened", step)
            self.settle()
        else:
            self.note("late success recorded", step)

    def release(self) -> None:
        """G33, G35: the pivot has succeeded; it is too late to roll back."""
        if self.cancel:
            self.note("roll-back refused", self.graph.pivot, f"{self.reason}: the pivot has passed")
        self.cancel, self.reason = False, None
        for step, letter in enumerate(self.letters):
            if letter == "R":
                self.letters[step] = "d"
                self.note("quarantined", step, "it was rejected, but the pivot has passed")

    def rejected(self, step: int, reason: str) -> None:
        letter = self.letters[step]
        if self.phase is _RUNNING and letter in OPEN_LETTERS:
            if self.is_passed():  # G34
                self.letters[step] = "d"
                self.note("quarantined", step, f"{reason}: it may not reject, the pivot has passed")
                return
            self.letters[step] = "R"
            self.note("rejected", step, reason)
            self.ask_roll_back(f"{self.graph.steps[step].name}: {reason}")
        elif self.phase is _COMPENSATING and self.is_unresolved(step):
            self.letters[step] = "V" if letter in "Uu" else "R"
            self.note("resolved: it did not happen", step, reason)
            self.settle()
        else:
            self.note("late rejection recorded", step, reason)

    def voided(self, step: int) -> None:
        if self.phase is _RUNNING and self.letters[step] in OPEN_LETTERS:
            self.letters[step] = "V"
            self.note("voided", step)
            self.roll_back(self.reason or "voided")
        else:
            self.note("late void recorded", step)

    def compensated(self, step: int) -> None:
        if self.phase is _COMPENSATING and self.letters[step] in "Kk":
            self.letters[step] = "Z"
            self.note("compensated", step)
            self.settle()
        else:
            self.note("late compensation recorded", step)

    # -- E10: technical failures ---------------------------------------------------------------------------------------------------

    def operation(self, step: int) -> Operation | None:
        if self.phase is _ABANDONING:
            return Operation.VOID_OR_REPORT if self.letters[step] == "G" and self.mode(step) is Mode.JOURNALED else None
        return _CALLED_FOR.get((self.phase, self.letters[step]))

    def exhausted(self, step: int, detail: str) -> None:
        letter = self.letters[step]
        if self.phase is _RUNNING and letter == "D":
            self.ask_roll_back(f"{self.graph.steps[step].name}: {detail}")
            if self.phase is _RUNNING and self.letters[step] == "D":
                self.quarantine(step, detail)
        elif letter in "WUK":
            self.quarantine(step, detail)

    def quarantine(self, step: int, detail: str) -> None:
        self.letters[step] = self.letters[step].lower()
        self.commands.pop(step, None)
        self.note("quarantined", step, detail)

    # -- E13: abandoning -----------------------------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """G40: freeze first, be final afterwards."""
        if self.phase.is_terminal or self.phase is _ABANDONING:
            return
        self.phase, self.cancel, self.deadline = _ABANDONING, False, None
        self.note("abandoning")
        for step, letter in enumerate(self.letters):
            if letter == "P":
                self.letters[step] = "V"
            elif letter in "DdWwUuKk":
                self.freeze(step)
        self.leave()

    def freeze(self, step: int) -> None:
        mode = self.mode(step)
        if mode is Mode.TRANSACTIONAL:
            self.letters[step] = "S" if self.letters[step] in "Kk" else "V"
            return
        self.letters[step] = "G"
        self.commands.pop(step, None)
        if mode is Mode.JOURNALED:
            self.send(step, Operation.VOID_OR_REPORT)

    def leave(self) -> None:
        if "G" not in self.letters:
            self.phase = Phase.ABANDONED
            self.note("abandoned")


def _on_failed(draft: _Draft, event: ev.Failed) -> None:
    operation = draft.operation(event.step)
    if operation is None or draft.paused:
        draft.note("failed", event.step, event.error)
        return
    step = draft.graph.steps[event.step]
    policy = step.retry if draft.letters[event.step] == "D" else step.undo_retry
    given_up = policy.give_up_after_ms is not None and event.first_failure_ago_seconds * 1000 >= policy.give_up_after_ms
    over_budget = draft.phase is _COMPENSATING and draft.deadline is not None and draft.now >= draft.deadline
    draft.note("failed", event.step, event.error)
    if event.final or given_up or over_budget or policy.is_exhausted(event.failures):
        if draft.phase is not _ABANDONING:
            draft.exhausted(event.step, f"given up after {event.failures} failures: {event.error}")
            return
    if draft.phase is _RUNNING and draft.is_rolled_back_by_deadline():
        return
    pause = policy.pause_seconds(event.failures, draft.jitter)
    draft.send(event.step, operation, max(pause, event.quiet_in_seconds))


def _on_ongoing(draft: _Draft, event: ev.Ongoing) -> None:
    operation = draft.operation(event.step)
    if operation is not None:
        draft.send(event.step, operation, event.again_in_seconds)


def _on_reported(draft: _Draft, event: ev.Reported) -> None:
    letter = draft.letters[event.step]
    if draft.phase is _ABANDONING:
        if letter == "G" and draft.mode(event.step) is Mode.JOURNALED:
            draft.letters[event.step] = {"executed": "S", "voided": "V", "compensated": "Z"}[event.finding.value]
            draft.note(f"frozen: {event.finding.value}", event.step)
            draft.leave()
    elif event.finding is ev.Finding.EXECUTED:
        draft.succeeded(event.step)
    elif event.finding is ev.Finding.VOIDED and letter in "Ww":
        draft.voided(event.step)
    else:
        draft.note("late report recorded", event.step, event.finding.value)


def _on_absent(draft: _Draft, event: ev.Absent) -> None:
    if draft.phase is _COMPENSATING:
        draft.rejected(event.step, "the probe says that it did not happen")
    elif draft.cancel and event.step == draft.graph.pivot:
        draft.voided(event.step)


def _on_quiet(draft: _Draft, event: ev.Quiet) -> None:
    if draft.phase is _ABANDONING and draft.letters[event.step] == "G" and draft.mode(event.step) is Mode.EXTERNAL:
        draft.letters[event.step] = "?"
        draft.note("residue unknown", event.step)
        draft.leave()


def _on_tick(draft: _Draft, event: ev.Tick) -> None:
    if draft.phase is _RUNNING and draft.is_rolled_back_by_deadline():
        return
    for step in range(len(draft.letters)):
        operation = draft.operation(step)
        if operation is not None and step not in event.held and step not in draft.commands:
            draft.send(step, operation)


def _on_resumed(draft: _Draft, _: ev.Resumed) -> None:
    if draft.paused:
        draft.paused = False
        draft.note("resumed")
        if draft.phase is _COMPENSATING:
            draft.settle()
        draft.advance_all()
        _on_tick(draft, ev.Tick())


def _on_paused(draft: _Draft, _: ev.Paused) -> None:
    if not draft.paused and not draft.phase.is_terminal:
        draft.paused = True
        draft.note("paused")


def _on_retried(draft: _Draft, event: ev.Retried) -> None:
    letter = draft.letters[event.step]
    if letter in QUARANTINED_LETTERS and not (letter == "d" and draft.phase is _COMPENSATING) and not draft.phase.is_terminal:
        draft.letters[event.step] = letter.upper()
        draft.note("retried by an operator", event.step)
        operation = draft.operation(event.step)
        if operation is not None:
            draft.send(event.step, operation)


def _on_happened(draft: _Draft, event: ev.Happened) -> None:
    if draft.letters[event.step] in "dwu":
        draft.note("resolved by an operator: it happened", event.step)
        draft.succeeded(event.step)


def _on_did_not_happen(draft: _Draft, event: ev.DidNotHappen) -> None:
    if draft.letters[event.step] not in "dwu" or draft.is_passed():
        return
    draft.note("resolved by an operator: it did not happen", event.step)
    if draft.phase is _RUNNING and event.step == draft.graph.pivot:
        draft.voided(event.step)
    else:
        draft.rejected(event.step, "an operator says that it did not happen")


def _on_undone(draft: _Draft, event: ev.Undone) -> None:
    if draft.letters[event.step] == "k":
        draft.note("resolved by an operator: it is undone", event.step)
        draft.compensated(event.step)


def _on_extended(draft: _Draft, event: ev.Extended) -> None:
    if draft.deadline is not None and not draft.phase.is_terminal:
        draft.deadline += event.by_seconds
        draft.note("deadline extended", -1, f"by {event.by_seconds:.0f} s: an outage")


def _on_started(draft: _Draft, _: ev.Started) -> None:
    draft.note("started")
    draft.advance_all()


_RULES: Final[dict[type[ev.Event], Callable[[_Draft, Any], None]]] = {
    ev.Started: _on_started,
    ev.Succeeded: lambda draft, event: draft.succeeded(event.step),
    ev.Rejected: lambda draft, event: draft.rejected(event.step, event.reason),
    ev.Failed: _on_failed,
    ev.Ongoing: _on_ongoing,
    ev.Compensated: lambda draft, event: draft.compensated(event.step),
    ev.Reported: _on_reported,
    ev.Absent: _on_absent,
    ev.Quiet: _on_quiet,
    ev.RollBack: lambda draft, event: draft.ask_roll_back(event.reason),
    ev.Tick: _on_tick,
    ev.Paused: _on_paused,
    ev.Resumed: _on_resumed,
    ev.Retried: _on_retried,
    ev.Happened: _on_happened,
    ev.DidNotHappen: _on_did_not_happen,
    ev.Undone: _on_undone,
    ev.Abandoned: lambda draft, event: draft.abandon(),
    ev.Extended: _on_extended,
}
