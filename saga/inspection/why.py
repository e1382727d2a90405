"""What a saga waits for: since when, until when, and who could act. A pure function of one look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import QUARANTINED_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.ports.saga_detail import CommandDetail, SagaDetail

NEVER: Final = "nothing happens by itself"


class Situation(Enum):
    """Why a saga stands where it stands. The values are stable: programs may look for them. The most urgent comes first."""

    PAUSED = "paused"
    QUARANTINED = "quarantined"
    PAST_DEADLINE = "past deadline"
    NOBODY_ALIVE = "nobody alive"
    RETRY_WAIT = "retry wait"
    RESOLVING = "resolving"
    VOIDING = "voiding"
    UNDOING = "undoing"
    FREEZING = "freezing"
    UNCLAIMED = "unclaimed"
    RUNNING = "running"
    BETWEEN = "between"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled back"
    ABANDONED = "abandoned"


Outlook = tuple[float | None, str]  # when something happens by itself, and what
_URGENCY: Final = {situation: place for place, situation in enumerate(Situation)}


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. Times in seconds since the epoch.

    `waits_for`: None at the end. `until` and `then`: what happens by itself, and when. `who`: processes, or None where a
    person has to act; `remedy`: what to type. `note`: what else one should know.
    """

    situation: Situation
    step: str | None
    waits_for: str | None
    since: float
    until: float | None
    then: str
    who: tuple[str, ...]
    remedy: str | None
    note: str | None


def why(case: SagaDetail) -> Why:
    """What this saga waits for; of several steps at work the one that needs attention most."""
    if case.state.phase.is_terminal:
        return _ended(case)
    if case.state.paused:
        return _paused(case)
    waits = [_wait(case, step) for step in range(len(case.state.vector)) if _is_at_work(case, step)]
    if _is_past_deadline(case):
        waits.append(_late(case))
    if not waits:
        return _between(case)
    return min(waits, key=lambda wait: _URGENCY[wait.situation])


# -- the whole saga -------------------------------------------------------------------------------------------------------


def _ended(case: SagaDetail) -> Why:
    state = case.state
    situation = {
        Phase.COMPLETED: Situation.COMPLETED,
        Phase.COMPENSATED: Situation.ROLLED_BACK,
        Phase.ABANDONED: Situation.ABANDONED,
    }[state.phase]
    undone = [step.name for step, letter in zip(case.graph.steps, state.vector, strict=True) if letter == "Z"]
    unknown = [step.name for step, letter in zip(case.graph.steps, state.vector, strict=True) if letter in "S?"]
    note = None
    if situation is Situation.ROLLED_BACK:
        note = f"undone: {', '.join(undone) or 'nothing, no step had an effect'}"
    elif situation is Situation.ABANDONED:
        note = f"left as they are: {', '.join(unknown) or 'nothing'}"
    since = case.started_at if case.ended_at is None else case.ended_at
    return Why(situation, None, None, since, None, "it is over", (), None, note)


def _paused(case: SagaDetail) -> Why:
    since = _last(case, "paused")
    at_work = [step.name for step, letter in zip(case.graph.steps, case.state.vector, strict=True) if letter in "DWUK"]
    note = f"at work when it was paused: {', '.join(at_work)}" if at_work else None
    then, until = NEVER, None
    if case.state.deadline is not None and not is_pivot_passed(case.graph, case.state.vector):
        note = "; ".join(filter(None, [note, "its deadline goes on"]))
    what = "a person: it is paused"
    return Why(Situation.PAUSED, None, what, since, until, then, (), f"saga resume {case.saga}", note)


def _is_past_deadline(case: SagaDetail) -> bool:
    state = case.state
    is_over = state.deadline is not None and state.deadline <= case.now
    return (
        is_over
        and state.phase is Phase.RUNNING
        and not state.rollback_requested
        and not is_pivot_passed(case.graph, state.vector)
    )


def _late(case: SagaDetail) -> Why:
    assert case.state.deadline is not None  # noqa: S101 (the caller looked)
    who = () if case.leader is None else (case.leader,)
    remedy = None if who else "saga supervisor"
    what = "the supervisor to roll it back: its deadline has passed" if who else (
        "a supervisor to roll it back: its deadline has passed, and none leads"
    )  # fmt: skip
    then = "the supervisor looks again" if who else "a participant of its services looks after it"
    return Why(Situation.PAST_DEADLINE, None, what, case.state.deadline, case.wake_at, then, who, remedy, None)


def _between(case: SagaDetail) -> Why:
    """No step is at work: somebody has to decide what comes next."""
    services = case.graph.services
    who = tuple(sorted({name for service in services for name in case.serving.get(service, ())}))
    return Why(
        Situation.BETWEEN, None, "somebody to decide what comes next", _moved(case), case.wake_at, "it is looked after",
        who, None, None,
    )  # fmt: skip


# -- one step -------------------------------------------------------------------------------------------------------------


def _is_at_work(case: SagaDetail, step: int) -> bool:
    letter = case.state.vector[step]
    waits_for_successors = letter == "D" and case.state.phase is Phase.COMPENSATING
    return letter in "DWUKGdwuk" and not waits_for_successors


def _wait(case: SagaDetail, step: int) -> Why:
    letter = case.state.vector[step]
    if letter in QUARANTINED_LETTERS:
        return _quarantined(case, step)
    if letter == "G" and case.graph.steps[step].mode is Mode.EXTERNAL:
        return _freezing(case, step)
    instruction = case.commands.get(step)
    if instruction is None:
        return _unsent(case, step)
    if instruction.owner is not None:
        return _running(case, step, instruction)
    if instruction.due_at is not None and instruction.due_at > case.now:
        return _retry_wait(case, step, instruction)
    return _queued(case, step, instruction)


def _quarantined(case: SagaDetail, step: int) -> Why:
    name, letter = case.graph.steps[step].name, case.state.vector[step]
    reason = next(
        (moment.detail for moment in reversed(case.history) if (moment.kind, moment.step) == ("quarantined", step)),
        None,
    )
    what = f"a person: {_purpose(case, step)} was set aside" + (f" ({reason})" if reason else "")
    is_passed = is_pivot_passed(case.graph, case.state.vector)
    answers = "compensated" if letter == "k" else "happened" if is_passed else "happened|did-not-happen"
    remedy = f"saga retry {case.saga} {name}, or after a look at the facts saga resolve {case.saga} {name} {answers}"
    since = _last(case, "quarantined", step)
    note = _note(case)
    is_told = note is not None and reason is not None and reason in note  # it was refused because of this very failure
    return Why(Situation.QUARANTINED, name, what, since, None, NEVER, (), remedy, None if is_told else note)


def _freezing(case: SagaDetail, step: int) -> Why:
    name, instruction = case.graph.steps[step].name, case.commands.get(step)
    until = None if instruction is None else instruction.quiet_at or instruction.lease_until
    what = f"the time when no call of step {name} can arrive any more"
    since = _last(case, "abandoning")
    return Why(Situation.FREEZING, name, what, since, until, "it is abandoned", _able(case, step), None, None)


def _unsent(case: SagaDetail, step: int) -> Why:
    what = f"the command of {_purpose(case, step)}, which is on its way or lost"
    return _about(case, step, Situation.UNCLAIMED, what, _moved(case), (case.wake_at, "it is sent again"))


def _running(case: SagaDetail, step: int, instruction: CommandDetail) -> Why:
    what = f"{instruction.owner}, which runs {_purpose(case, step)} (attempt {instruction.deliveries})"
    outlook = (instruction.lease_until, "its claim ends, unless it is renewed")
    answer = _about(case, step, Situation.RUNNING, what, _moved(case), outlook)
    return replace(answer, who=(instruction.owner or "",))


def _retry_wait(case: SagaDetail, step: int, instruction: CommandDetail) -> Why:
    error = f": {instruction.error}" if instruction.error else ""
    failures = f"{instruction.failures} {'failure' if instruction.failures == 1 else 'failures'}"
    what = f"the next attempt of {_purpose(case, step)}" + (
        f" after {failures}{error}" if instruction.failures else error
    )
    since = instruction.first_failed_at or _moved(case)
    if not _able(case, step):
        return _nobody(case, step, since)
    return _about(case, step, Situation.RETRY_WAIT, what, since, (instruction.due_at, "it is tried again"))


def _queued(case: SagaDetail, step: int, instruction: CommandDetail) -> Why:
    since = instruction.due_at if instruction.due_at is not None else _moved(case)
    if not _able(case, step):
        return _nobody(case, step, since)
    what = f"a process of {case.graph.steps[step].service} to take {_purpose(case, step)}"
    return _about(case, step, Situation.UNCLAIMED, what, since, _deadline(case))


def _nobody(case: SagaDetail, step: int, since: float) -> Why:
    service = case.graph.steps[step].service
    what = f"a process of {service}, for {_purpose(case, step)}: none is alive"
    until, then = _deadline(case)
    name, remedy = case.graph.steps[step].name, f"saga participant MODULE:{service}"
    return Why(Situation.NOBODY_ALIVE, name, what, since, until, then, (), remedy, _note(case))


_BY_LETTER: Final = {"U": Situation.RESOLVING, "K": Situation.UNDOING, "W": Situation.VOIDING, "G": Situation.FREEZING}


def _about(
    case: SagaDetail, step: int, situation: Situation, what: str, since: float, outlook: Outlook
) -> Why:  # fmt: skip
    """An answer about a step that goes on without people. What it is doing says more than where its command is."""
    situation = _BY_LETTER.get(case.state.vector[step], situation)
    name = case.graph.steps[step].name
    return Why(situation, name, what, since, *outlook, _able(case, step), None, _note(case))


def _purpose(case: SagaDetail, step: int) -> str:
    name, letter = case.graph.steps[step].name, case.state.vector[step].upper()
    if letter == "K":
        return f"the compensation of step {name}"
    if letter == "U":
        return f"step {name}, whose outcome is unknown and has to be known before it can be undone"
    if letter in "WG":
        return f"step {name}, which its journal voids or reports"
    return f"step {name}"


def _able(case: SagaDetail, step: int) -> tuple[str, ...]:
    return case.serving.get(case.graph.steps[step].service, ())


def _deadline(case: SagaDetail) -> Outlook:
    """What the clock does by itself, if anything."""
    state = case.state
    if state.deadline is None or (state.phase is Phase.RUNNING and is_pivot_passed(case.graph, state.vector)):
        return None, "it waits as long as it takes"
    if state.phase is Phase.COMPENSATING:
        return state.deadline, "the time for undoing is over, and what fails then is set aside"
    return state.deadline, "it is rolled back"


def _note(case: SagaDetail) -> str | None:
    """Whether a rollback was asked for and could not be made."""
    if case.state.rollback_requested:
        return f"a rollback is asked for ({case.state.reason}) and waits until the outcome of the pivot is known"
    refused = next((moment for moment in reversed(case.history) if moment.kind == "rollback refused"), None)
    return None if refused is None else f"a rollback was refused ({refused.detail})"


def _moved(case: SagaDetail) -> float:
    """When it last changed."""
    found = (moment.at for moment in reversed(case.history) if moment.kind != "redriven")
    return next(found, case.started_at)


def _last(case: SagaDetail, kind: str, step: int | None = None) -> float:
    """When this last happened."""
    found = (moment.at for moment in reversed(case.history) if moment.kind == kind and moment.step == step)
    return next(found, case.started_at)


def document(answer: Why) -> Mapping[str, object]:
    """The answer for programs."""
    return {
        "situation": answer.situation.value,
        "step": answer.step,
        "waits_for": answer.waits_for,
        "since": answer.since,
        "until": answer.until,
        "then": answer.then,
        "who": list(answer.who),
        "remedy": answer.remedy,
        "note": answer.note,
    }
