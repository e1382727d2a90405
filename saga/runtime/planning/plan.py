"""From outcomes to a write: asks the core what follows, and puts it into the store's terms. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.called_for import called_for
from saga.core.rules.decide import decide
from saga.core.rules.decision import Command, Decision, HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import QUARANTINED_LETTERS, keeps_command
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.write import PARKED_SECONDS, Delay, Dispatch, Drop, Result, Write
from saga.runtime.planning.outcome import Outcome

REDRIVEN: Final = (HistoryEntry(HistoryKind.REDRIVEN, -1, None),)
_UNDER_WAY: Final = frozenset("DdWwUuKkG")
_GOING_WELL: Final = (Phase.RUNNING, Phase.COMPLETED)
_RECORDED: Final = (ev.Succeeded, ev.Reported)  # with a result; a union would be made anew at each step
_FRESH: Final = frozenset("PS")  # no claim of the command that follows can exist yet


class Routes(Protocol):
    """Where commands go."""

    process: int
    queues_commands: bool

    def owner(self, service: str) -> int | None:
        """The live process to which a command of this service is given, None: the queue."""

    def next_claim(self) -> int:
        """A claim number that was never used."""


class OutcomeGroup(Struct):
    """The outcomes of one saga that are committed together, and the row they are decided on."""

    saga: UUID
    graph: Graph
    version: int
    state: State
    waiter: int | None
    store_clock: float
    outcomes: list[Outcome]
    extra: Sequence[ev.Event] = ()
    wake_seconds: float | None = None
    conflicts: int = 0
    settled: list[asyncio.Future[bool]] = []
    is_changed: bool = False  # by the decision that was committed
    trace: str | None = None  # where there is no outcome whose claim has it


class CommitPlan(Struct):
    """A write and what is to be done once it is committed."""

    write: Write
    decision: Decision
    handovers: list[Dispatch] = []
    messages: list[Command] = []
    timers: list[tuple[str, float]] = []
    is_ending: bool = False
    sent_at: float = 0.0  # this process's clock before the commit was sent: leases count from then


def plan(
    group: OutcomeGroup,
    routes: Routes,
    notifications: Notifications,
    *,
    now: float,
    jitter: float,
    enforce_deadline: bool,
) -> CommitPlan:
    """Fold the group's outcomes through the core; adds to `signals` whom the commit tells."""
    events = [outcome.event for outcome in group.outcomes if outcome.event is not None]
    events += group.extra
    decision = decide(group.graph, group.state, events, now=now, jitter=jitter, enforce_deadline=enforce_deadline)
    is_looked_after = group.wake_seconds is not None and not group.state.phase.is_terminal  # an end is for ever
    is_written = decision.changed or is_looked_after
    write = Write(group.saga, group.version, is_written, decision.state, group.wake_seconds, entries=decision.entries)
    write.is_deadline_moved = decision.state.deadline != group.state.deadline
    made = CommitPlan(write, decision)
    if _is_plain_success(group, decision):
        (outcome,) = group.outcomes
        write.drops.append(Drop(outcome.claim.step, None))
        write.results.append(Result(outcome.claim.step, outcome.claim.deliveries, outcome.value))
        _dispatch(group, decision.commands, made, routes, notifications)
        write.is_new = True
    else:
        _dispatch(group, _end_claims(group, made), made, routes, notifications)
        write.is_new = _is_new(write, group.state.vector)
    made.is_ending = decision.changed and decision.state.phase.is_terminal
    if made.is_ending and group.waiter is not None and group.waiter != routes.process:
        notifications.ended.setdefault(group.waiter, []).append(group.saga)
    return made


def _is_plain_success(group: OutcomeGroup, decision: Decision) -> bool:
    """What nearly every group is: a step has succeeded, and the saga goes on or is complete. `_end_claims` would find the same."""
    if len(group.outcomes) != 1 or group.extra or type(group.outcomes[0].event) is not ev.Succeeded:
        return False
    return decision.state.phase in _GOING_WELL and group.state.vector[group.outcomes[0].claim.step] == "D"


def _end_claims(group: OutcomeGroup, made: CommitPlan) -> Iterable[Command]:
    """What becomes of the claims that have ended, and of commands that are over; returns the commands that are left to be sent."""
    write = made.write
    wanted = {command.step: command for command in made.decision.commands}
    commands = dict(wanted)
    for outcome in group.outcomes:  # there may be several of a step, of claims one after another
        _end_claim(group, outcome, wanted.get(outcome.claim.step), commands, made)
    if write.changed and not write.entries:  # no version without a line of history
        write.entries = REDRIVEN
    if made.decision.changed:
        _drop_what_is_over(group, commands, write)
    return commands.values()


def _end_claim(
    group: OutcomeGroup, outcome: Outcome, command: Command | None, commands: dict[int, Command], made: CommitPlan
) -> None:
    claim, write, state = outcome.claim, made.write, made.decision.state
    step = claim.step
    if outcome.is_fenced:
        write.fences.append((step, claim.number))
    letter = state.vector[step]
    if outcome.event is None:
        _delay(group, outcome, 0.0, made)
    elif command is not None and command.operation is claim.operation:
        if not _is_set_aside(group, step):  # by a newer claim perhaps, whose row this one does not move
            commands.pop(step, None)
        _delay(group, outcome, command.after_seconds, made)
    elif keeps_command(letter, group.graph.steps[step].mode) or (state.paused and letter in _UNDER_WAY):
        write.changed = (
            True  # nobody may wake it before something else happens: not decided on a row that has moved (G4)
        )
        write.delays.append(_delay_of(group, outcome, PARKED_SECONDS, made))
    elif command is None:
        is_over = made.decision.changed and called_for(group.graph, state, step) is None
        write.drops.append(Drop(step, None if is_over else claim.number))
    if isinstance(outcome.event, _RECORDED) and letter != group.state.vector[step] and letter in "SKZ":
        write.results.append(Result(step, claim.deliveries, outcome.value))


def _delay(group: OutcomeGroup, outcome: Outcome, after_seconds: float, made: CommitPlan) -> None:
    made.write.delays.append(_delay_of(group, outcome, after_seconds, made))
    made.timers.append((group.graph.steps[outcome.claim.step].service, after_seconds))


def _delay_of(group: OutcomeGroup, outcome: Outcome, after_seconds: float, made: CommitPlan) -> Delay:
    step = outcome.claim.step
    failures = outcome.event.failures if isinstance(outcome.event, ev.Failed) else outcome.claim.failures
    trials = outcome.claim.trials
    if made.decision.state.vector[step] not in (group.state.vector[step], group.state.vector[step].lower()):
        failures = trials = 0  # the same command serves another letter now, which has a policy of its own
    return Delay(step, outcome.claim.number, after_seconds, outcome.quiet_seconds, failures, outcome.error, trials)


def _drop_what_is_over(group: OutcomeGroup, commands: dict[int, Command], write: Write) -> None:
    """Commands that this decision has made pointless: their letters have changed and call for nothing."""
    ended = {outcome.claim.step for outcome in group.outcomes}
    for step, before in enumerate(group.state.vector):
        if before not in _UNDER_WAY or step in ended or step in commands:
            continue
        after = write.state.vector[step]
        if after == before or keeps_command(after, group.graph.steps[step].mode):
            continue
        if called_for(group.graph, write.state, step) is None and not write.state.paused:
            write.drops.append(Drop(step, None))


def _dispatch(
    group: OutcomeGroup, commands: Iterable[Command], made: CommitPlan, routes: Routes, notifications: Notifications
) -> None:
    for command in commands:
        service = group.graph.steps[command.step].service
        is_fresh = command.after_seconds == 0 and group.state.vector[command.step] in _FRESH
        owner = routes.owner(service) if is_fresh else None
        if owner is None and not routes.queues_commands and not _is_set_aside(group, command.step):
            made.messages.append(command)
            continue
        claim = None if owner is None else routes.next_claim()
        dispatch = Dispatch(command.step, command.operation, service, owner, claim, command.after_seconds)
        made.write.dispatches.append(dispatch)
        if owner is None:
            notifications.services.add(service)
        elif owner == routes.process:
            made.handovers.append(dispatch)
        else:
            notifications.claim_refs.setdefault(owner, []).append(CommandRef(group.saga, command.step))


def _is_new(write: Write, before: str) -> bool:
    for dispatch in write.dispatches:
        if before[dispatch.step] not in _FRESH:
            return False
    return not write.results or (len(write.results) == 1 and before[write.results[0].step] == "D")


def _is_set_aside(group: OutcomeGroup, step: int) -> bool:
    """Its row waits for a person or for the end of a pause, and would refuse a delivery: it has to be made due again."""
    return group.state.paused or group.state.vector[step] in QUARANTINED_LETTERS
