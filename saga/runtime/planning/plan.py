"""Asks the core what follows from outcomes, and translates the decision into a write. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from saga.core.condition.facts import FactsMissingError
from saga.core.condition.rejection import rejection_document
from saga.core.definition.json_value import Json
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Command, Decision, HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.called_for import called_for
from saga.core.state.letters import (
    DISPATCHED,
    FROZEN,
    HANDLED,
    HAPPENED_LETTERS,
    QUARANTINED_LETTERS,
    RESOLVING,
    UNDER_WAY_LETTERS,
    VOID,
    keeps_command,
)
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.audit import Action, Audit
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.write import (
    COUNT_MAX,
    CUT_OFF,
    PARKED_SECONDS,
    Consumption,
    Delay,
    Dispatch,
    Drop,
    Result,
    Write,
)
from saga.runtime.planning.assignment import Routes, dispatch_to_owner, dispatch_to_queue, parking_of
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.handover import FRESH_LETTERS
from saga.runtime.planning.known_facts import known_facts
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup

_REDRIVEN: Final = (HistoryEntry(HistoryKind.REDRIVEN, -1, None),)
_GOING_WELL: Final = (Phase.RUNNING, Phase.COMPLETED)
_WITH_RESULT: Final = (ev.Succeeded, ev.Reported, ev.Cancelled)  # a tuple: a union would be built anew for each step
_HAPPENED: Final = (ev.Succeeded, ev.Cancelled)
_WITHOUT_RESULT: Final = (ev.Rejected, ev.Failed)
_ENGINE: Final = Mode.ENGINE
_TAKEN_FOR_UNKNOWN: Final = frozenset((RESOLVING, FROZEN))


def plan(
    group: OutcomeGroup,
    routes: Routes,
    notifications: Notifications,
    *,
    now: float,
    jitter: float,
    enforce_deadline: bool,
) -> CommitPlan:
    """Decides what follows from the outcomes of a group. Adds the notifications of its commit to `notifications`.

    A plan with doubts adds none, and is not to be committed: see `CommitPlan`.
    """
    graph, state, facts = group.graph, group.state, known_facts(group)
    try:
        decision = decide(
            graph, state, _events(group), now=now, jitter=jitter, enforce_deadline=enforce_deadline, facts=facts
        )
    except FactsMissingError:
        return _undecided(group)
    is_rescheduled = group.wake_seconds is not None and not group.state.phase.is_terminal  # an end is final
    is_written = decision.changed or is_rescheduled
    write = Write(group.saga, group.version, is_written, decision.state, group.wake_seconds, entries=decision.entries)
    write.is_deadline_moved = decision.state.deadline != group.state.deadline
    if group.action is not None:
        write.audits = [audit_of(group.action, group.state, decision.state)]
    planned = CommitPlan(write, decision)
    planned.doubts = _doubts(group, decision)
    if planned.doubts:
        return planned
    if group.unclaimed:
        write.fences += _never_claimed(group, decision)
    if _is_plain_success(group, decision):
        (outcome,) = group.outcomes
        write.drops.append(Drop(outcome.claim.step, None))
        write.results.append(Result(outcome.claim.step, outcome.claim.deliveries, outcome.value))
        if outcome.consumes is not None:
            write.consumptions = [Consumption(outcome.claim.step, outcome.consumes)]
        _dispatch(group, decision.commands, planned, routes, notifications)
        write.is_new = True
    else:
        _dispatch(group, _close_claims(group, planned), planned, routes, notifications)
        _hand_on(group, planned, routes, notifications)
        write.is_new = _is_new(write, group.state.vector)
    if HANDLED in decision.state.vector:
        _record_rejections(group, planned)
    planned.is_ending = decision.changed and decision.state.phase.is_terminal
    if planned.is_ending and group.waiter is not None and group.waiter != routes.identity.number:
        notifications.ended.setdefault(group.waiter, []).append(group.saga)
    return planned


def _events(group: OutcomeGroup) -> list[ev.Event]:
    events = [outcome.first for outcome in group.outcomes if outcome.first is not None]
    events += [outcome.event for outcome in group.outcomes if outcome.event is not None]
    events += group.extra
    if group.unclaimed:
        events.insert(0, ev.Unclaimed(group.unclaimed))
    return events


def _undecided(group: OutcomeGroup) -> CommitPlan:
    write = Write(group.saga, group.version, changed=False, state=group.state, wake_seconds=None, entries=())
    return CommitPlan(write, Decision(group.state, False, (), ()), lacks_facts=True)  # noqa: FBT003 (changed)


def _record_rejections(group: OutcomeGroup, planned: CommitPlan) -> None:
    """The result of a handled rejection is its reason."""
    deliveries = {outcome.claim.step: outcome.claim.deliveries for outcome in group.outcomes}
    planned.write.results += [
        Result(entry.step, deliveries.get(entry.step, 0), rejection_document(entry.detail or ""))
        for entry in planned.decision.entries
        if entry.kind is HistoryKind.HANDLED
    ]


def _doubts(group: OutcomeGroup, decision: Decision) -> list[int]:
    """G135: the dispatched external steps, if this decision takes one for unknown that perhaps no process has ever claimed.

    Empty once the store has been asked. A rollback that waits already asks again only when the saga is redriven.
    """
    state = decision.state
    is_undoing = state.reason is not None or state.phase is Phase.ABANDONING or RESOLVING in state.vector
    if not is_undoing or group.unclaimed is not None:
        return []
    steps, before, after = group.graph.steps, group.state, decision.state
    claimed = {outcome.claim.step for outcome in group.outcomes}
    found = [
        step
        for step, letter in enumerate(before.vector)
        if letter == DISPATCHED and steps[step].mode is Mode.EXTERNAL and step not in claimed
    ]
    waits = after.rollback_requested and (group.extra or not before.rollback_requested)
    is_in_doubt = any(
        (waits and step == group.graph.pivot) or after.vector[step] in _TAKEN_FOR_UNKNOWN for step in found
    )
    return found if is_in_doubt else []


def _never_claimed(group: OutcomeGroup, decision: Decision) -> list[tuple[int, int | None]]:
    """G135: the fences of the steps that this decision makes void because no process has ever claimed them."""
    before, after = group.state.vector, decision.state.vector
    return [(step, None) for step in group.unclaimed or () if before[step] == DISPATCHED and after[step] == VOID]


def audit_of(action: Action, before: State, after: State, refusal: str | None = None) -> Audit:
    """The audit of an action that leads from one state of a saga to another."""
    return Audit(action, {"before": _audited(before), "after": _audited(after)}, refusal)


def _audited(state: State) -> dict[str, Json]:
    return {
        "phase": state.phase.name,
        "vector": state.vector,
        "paused": state.paused,
        "rollback_requested": state.rollback_requested,
    }


def _is_plain_success(group: OutcomeGroup, decision: Decision) -> bool:
    """Returns whether one step has succeeded and the saga goes on or is complete, as in nearly every group.

    A shortcut for speed: `_close_claims` plans the same. `tests/runtime/planning/test_plan.py` compares the two.
    """
    if len(group.outcomes) != 1 or group.extra or type(group.outcomes[0].event) is not ev.Succeeded:
        return False
    if group.outcomes[0].first is not None or group.graph.may_skip_waiting:
        return False
    return decision.state.phase in _GOING_WELL and group.state.vector[group.outcomes[0].claim.step] == DISPATCHED


def _close_claims(group: OutcomeGroup, planned: CommitPlan) -> Iterable[Command]:
    """Closes finished claims and obsolete commands. Returns the commands still to dispatch."""
    write = planned.write
    wanted = {command.step: command for command in planned.decision.commands}
    commands = dict(wanted)
    for outcome in group.outcomes:  # one step may have several, of successive claims
        _close_claim(group, outcome, wanted.get(outcome.claim.step), commands, planned)
        if outcome.consumes is not None:
            _consume(group, outcome, outcome.consumes, write)
    if write.changed and not write.entries:  # every version has a line of history
        write.entries = _REDRIVEN
    if planned.decision.changed:
        _drop_obsolete(group, commands, write)
    return commands.values()


def _close_claim(
    group: OutcomeGroup, outcome: Outcome, command: Command | None, commands: dict[int, Command], planned: CommitPlan
) -> None:
    claim, write, state = outcome.claim, planned.write, planned.decision.state
    step = claim.step
    if outcome.is_fenced:
        write.fences.append((step, claim.number))
    letter = state.vector[step]
    if outcome.event is None:
        _delay(group, outcome, 0.0, planned)
    elif command is not None and command.operation is claim.operation:
        # A newer claim may have parked the row. Then the delay does not reach it, and the command is dispatched too
        if not _is_parked(group, step):
            commands.pop(step, None)
        _delay(group, outcome, command.after_seconds, planned)
    elif keeps_command(letter, group.graph.steps[step].mode) or (state.paused and letter in UNDER_WAY_LETTERS):
        # Parked until something else happens. The saga counts as changed, so that an outdated decision conflicts (G4)
        write.changed = True
        write.delays.append(_delay_of(group, outcome, PARKED_SECONDS, planned))
    elif command is None:
        is_over = planned.decision.changed and called_for(group.graph, state, step) is None
        write.drops.append(Drop(step, None if is_over else claim.number))
    if isinstance(outcome.event, _WITH_RESULT) and letter != group.state.vector[step] and letter in HAPPENED_LETTERS:
        write.results.append(Result(step, claim.deliveries, outcome.value))


def _consume(group: OutcomeGroup, outcome: Outcome, event: str, write: Write) -> None:
    """An event is consumed only by the outcome that is recorded (G58): the first of its step that leads to the new letter."""
    step = outcome.claim.step
    before, after = group.state.vector[step], write.state.vector[step]
    if after in (before, VOID):
        return
    kinds = _HAPPENED if after in HAPPENED_LETTERS else _WITHOUT_RESULT
    recorded = next((one for one in group.outcomes if one.claim.step == step and isinstance(one.event, kinds)), None)
    if recorded is outcome:
        write.consumptions = [*write.consumptions, Consumption(step, event)]


def _delay(group: OutcomeGroup, outcome: Outcome, after_seconds: float, planned: CommitPlan) -> None:
    planned.write.delays.append(_delay_of(group, outcome, after_seconds, planned))
    planned.timers.append((group.graph.steps[outcome.claim.step].service, after_seconds))


def _delay_of(group: OutcomeGroup, outcome: Outcome, after_seconds: float, planned: CommitPlan) -> Delay:
    step = outcome.claim.step
    if outcome.parking is not None:
        planned.write.parkings = [*planned.write.parkings, outcome.parking]
    failures = outcome.event.failures if isinstance(outcome.event, ev.Failed) else outcome.claim.failures
    isolated_attempts = outcome.claim.isolated_attempts
    if planned.decision.state.vector[step] not in (group.state.vector[step], group.state.vector[step].lower()):
        failures = isolated_attempts = 0  # the same command now serves another letter, which has its own retry policy
    elif outcome.is_cut_off:
        failures = CUT_OFF
    failures = min(failures, COUNT_MAX)
    return Delay(
        step, outcome.claim.number, after_seconds, outcome.quiet_seconds, failures, outcome.error, isolated_attempts
    )


def _drop_obsolete(group: OutcomeGroup, commands: dict[int, Command], write: Write) -> None:
    """Drops commands that this decision has made pointless: their letters have changed and call for nothing."""
    ended = {outcome.claim.step for outcome in group.outcomes}
    for step, before in enumerate(group.state.vector):
        if before not in UNDER_WAY_LETTERS or step in ended or step in commands:
            continue
        after = write.state.vector[step]
        if after == before or keeps_command(after, group.graph.steps[step].mode):
            continue
        if called_for(group.graph, write.state, step) is None and not write.state.paused:
            write.drops.append(Drop(step, None))


def _dispatch(
    group: OutcomeGroup, commands: Iterable[Command], planned: CommitPlan, routes: Routes, notifications: Notifications
) -> None:
    for command in commands:
        step = group.graph.steps[command.step]
        service, dispatch = step.service, None
        if command.after_seconds == 0 and group.state.vector[command.step] in FRESH_LETTERS:
            dispatch = dispatch_to_owner(group.saga, command, service, routes, notifications)
        if dispatch is None:
            if not routes.queues_commands and step.mode is not _ENGINE and not _is_parked(group, command.step):
                planned.messages.append(command)
                continue
            dispatch = dispatch_to_queue(command, service, notifications)
            if step.mode is _ENGINE:
                planned.timers.append((service, command.after_seconds))
        elif dispatch.owner == routes.identity.number:
            planned.handovers.append(dispatch)
        planned.write.dispatches.append(dispatch)
        if step.mode is _ENGINE:
            planned.write.parkings = [*planned.write.parkings, parking_of(step, command.step)]


def _hand_on(group: OutcomeGroup, planned: CommitPlan, routes: Routes, notifications: Notifications) -> None:
    """Gives commands that this process cannot run to the processes that their outcomes name, unless they are parked or over."""
    given_back = {delay.claim for delay in planned.write.delays if delay.after_seconds < PARKED_SECONDS}
    for outcome in group.outcomes:
        claim, owner = outcome.claim, outcome.next_process
        if owner is None or claim.number not in given_back or _is_parked(group, claim.step):
            continue
        notifications.claim_refs.setdefault(owner, []).append(CommandRef(group.saga, claim.step))
        service, number = group.graph.steps[claim.step].service, routes.identity.next_claim()
        planned.write.dispatches.append(Dispatch(claim.step, claim.operation, service, owner, number, 0.0))


def _is_new(write: Write, before: str) -> bool:
    for dispatch in write.dispatches:
        if before[dispatch.step] not in FRESH_LETTERS:
            return False
    return not write.results or (len(write.results) == 1 and before[write.results[0].step] == DISPATCHED)


def _is_parked(group: OutcomeGroup, step: int) -> bool:
    """Returns whether the command row waits for an operator or for the end of a pause. No delivery is admitted until it is due."""
    return group.state.paused or group.state.vector[step] in QUARANTINED_LETTERS
