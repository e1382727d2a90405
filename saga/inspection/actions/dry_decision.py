"""Decides an action without writing: its events and what follows from them, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Command
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import QUARANTINED_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import Conflict
from saga.inspection.actions.basis import Basis
from saga.inspection.actions.request import ActionRequest, Evidence
from saga.inspection.actions.step_to_undo import readers_of, step_to_undo
from saga.inspection.step_wait import way_out_of_quarantine
from saga.inspection.wording import letter_word

_BY_EVIDENCE: Final[Mapping[Evidence, type[ev.Happened | ev.DidNotHappen | ev.CompensatedByHand]]] = {
    "happened": ev.Happened,
    "did-not-happen": ev.DidNotHappen,
    "compensated": ev.CompensatedByHand,
}


class DryDecision(Struct, frozen=True):
    """The consequences of an action. `refusal`: why it is refused; then there are no events, and nothing changes.

    `position`: the step that it is about, if it is about one. `commands`: what is dispatched at once.
    """

    state: State
    refusal: str | None = None
    position: int | None = None
    events: Sequence[ev.Event] = ()
    commands: Sequence[Command] = ()


def decide_dry(basis: Basis, request: ActionRequest, reason: str = "") -> DryDecision:
    """Decides an action by the rules themselves, on a copy. `reason` becomes the reason of a rollback."""
    try:
        position, events = _events(basis, request, reason)
    except Conflict as error:
        return DryDecision(basis.state, str(error))
    known = [ev.Unclaimed(basis.unclaimed), *events]
    decision = decide(
        basis.graph, basis.state, known, now=basis.now, jitter=0.0, enforce_deadline=False, facts=basis.facts
    )
    if not decision.changed:
        return DryDecision(basis.state, _futile(basis, request), position)
    return DryDecision(decision.state, None, position, events, decision.commands)


def _events(basis: Basis, request: ActionRequest, reason: str) -> tuple[int | None, list[ev.Event]]:
    """Returns the step's position and the events of an action. Raises Conflict: what is known of its step forbids it."""
    match request.action:
        case "roll back":
            return None, [ev.RollbackRequested(reason)]
        case "pause":
            return None, [ev.Paused()]
        case "resume":
            return None, [ev.Resumed()]
        case "abandon":
            return None, [ev.Abandoned()]
        case "undo step":
            position = step_to_undo(basis, request.step or "")
            return position, [ev.Retracted(position, reason)]
        case _:
            return _events_of_steps(basis, request)


def _events_of_steps(basis: Basis, request: ActionRequest) -> tuple[int, list[ev.Event]]:
    positions = _quarantined(basis, request.step)
    position = positions[0]
    if request.action == "retry":
        return position, [ev.Retried(each) for each in positions]
    if request.evidence is not None:
        _check_evidence(basis, position, request.evidence)
        return position, [_BY_EVIDENCE[request.evidence](position)]
    obstacle = _obstacle_to_skip(basis, position)
    if obstacle is not None:
        raise Conflict(f"step {request.step}: {obstacle}")
    return position, [ev.Skipped(position)]


def _quarantined(basis: Basis, step: str | None) -> list[int]:
    found = [position for position, letter in enumerate(basis.state.vector) if letter in QUARANTINED_LETTERS]
    if step is not None:
        found = [position for position in found if basis.graph.steps[position].name == step]
    if not found:
        raise Conflict(f"saga {basis.saga} has no quarantined step{_instead(basis, step)}")
    return found


def _instead(basis: Basis, step: str | None) -> str:
    """Names the step that was asked for, and says what it is."""
    if step is None:
        return ""
    if step not in basis.graph.positions:
        return f" {step}, nor any step of that name"
    position = basis.graph.positions[step]
    if not basis.graph.steps[position].service:
        return f" {step}: that is a check, which nobody runs"
    return f" {step}: it is {letter_word(basis.state.vector[position])}"


def _check_evidence(basis: Basis, position: int, evidence: Evidence) -> None:
    step = basis.graph.steps[position]
    if evidence == "did-not-happen" and step.mode is Mode.JOURNALED:  # G37
        raise Conflict(
            f"step {step.name} is journaled: its journal decides; retry it, or roll the saga back so that its service voids it"
        )
    if evidence == "did-not-happen" and (position in basis.claimed or position in basis.unquiet):  # G37
        raise Conflict(
            f"step {step.name} is not certain to be void: a call of it may still arrive; wait until its claim and the margin have ended"
        )


def _obstacle_to_skip(basis: Basis, position: int) -> str | None:
    """Says why the step cannot be skipped. G37: no effect of it may appear later, and no other step may need its result."""
    graph, vector = basis.graph, basis.state.vector
    step = graph.steps[position]
    if not is_pivot_passed(graph, vector):
        return "the pivot has not passed; resolve it, or roll the saga back"
    if step.mode is Mode.JOURNALED:
        return "it is journaled, and its service may still run it; retry it, or resolve it"
    if position in basis.claimed or position in basis.unquiet:
        return "a call of it may still arrive; wait until its claim and the margin have ended"
    readers = readers_of(graph, vector, position)
    return f"its result is read by {', '.join(readers)}; resolve it as happened instead" if readers else None


def _futile(basis: Basis, request: ActionRequest) -> str:
    """Says why the action changes nothing."""
    graph, state, saga = basis.graph, basis.state, basis.saga
    if (
        request.action in {"roll back", "resolve"}
        and state.phase is Phase.RUNNING
        and is_pivot_passed(graph, state.vector)
    ):
        return f"saga {saga} has passed its pivot {graph.steps[graph.pivot].name} and only goes forward"
    if state.rollback_requested and request.action == "roll back":
        return f"saga {saga} is running, rollback requested: it {_awaited_pivot(basis)}"
    flags = (", paused" if state.paused else "") + (", rollback requested" if state.rollback_requested else "")
    way_out = "" if state.phase.is_terminal else f" (saga why {saga} says what it waits for)"
    return f"saga {saga} is {state.phase.name.lower()}{flags}{way_out}"


def _awaited_pivot(basis: Basis) -> str:
    """Says what the rollback waits for, and what an operator can do about it."""
    graph, vector = basis.graph, basis.state.vector
    name = graph.steps[graph.pivot].name
    if vector[graph.pivot] in QUARANTINED_LETTERS:
        way_out = way_out_of_quarantine(basis.saga, graph, vector, graph.pivot)
        return f"waits for the pivot {name}, which is quarantined with its outcome unknown. Run {way_out}"
    return f"waits until the outcome of the pivot {name} is known (saga why {basis.saga} says what for)"
