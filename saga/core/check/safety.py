"""What a definition must satisfy before a saga may run on it: checked when it is registered, never at run time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from saga.core.check.finding import Code, Finding, Severity, error, refuse_errors, warning
from saga.core.definition.contract import Contract
from saga.core.definition.graph import DEFINITION_BYTES_MAX, EDGES_MAX, STEPS_MAX, Graph
from saga.core.definition.json_value import Json
from saga.core.definition.names import NAME_RULE, is_name
from saga.core.definition.outline import Outline, StepOutline, freeze, is_read_only, pivot_position
from saga.core.definition.paths import reads, template_faults
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.duration import DURATION_MS_MAX, duration_text
from saga.core.state.mode import Mode

VERSION_MAX: Final = 2**31 - 1
ATTEMPTS_MAX: Final = 1_000_000
FACTOR_PERCENT_MIN: Final = 100
FACTOR_PERCENT_MAX: Final = 100_000
JITTER_PERCENT_MAX: Final = 100


def check(outline: Outline, contracts: Mapping[str, Contract]) -> tuple[Finding, ...]:
    """Find everything that keeps an outline from being safe; contracts are looked up as "service.handler"."""
    found = list(_head_findings(outline))
    for step in outline.steps:
        found.extend(_step_findings(outline, step))
        found.extend(_contract_findings(outline, step, contracts))
    found.extend(_edge_findings(outline))
    templates_hold = not any(finding.code is Code.TEMPLATE_INVALID for finding in found)
    if templates_hold and not outline.order.cycles:
        found.extend(_reading_findings(outline))
        found.extend(_pivot_findings(outline))
        found.extend(_compensation_findings(outline, contracts))
    if not any(finding.severity is Severity.ERROR for finding in found):
        found.extend(_size_findings(outline, contracts))
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.WARNING))


def accept(outline: Outline, contracts: Mapping[str, Contract]) -> Graph:
    """Freeze an outline that has no error in it.

    Raises:
        DefinitionError: with all findings, the warnings included.
    """
    refuse_errors(f"definition {_title(outline)} cannot be accepted", check(outline, contracts))
    return freeze(outline, contracts)


def check_frozen(graph: Graph, contracts: Mapping[str, Contract]) -> tuple[Finding, ...]:
    """Find where the services no longer offer what a definition was frozen with."""
    title = f"{graph.name} v{graph.version}"
    found: list[Finding] = []
    for step in graph.steps:
        place = f"{title}, step {step.name}"
        contract = contracts.get(f"{step.service}.{step.handler}")
        if contract is None:
            found.append(_contract_missing(place, step.service, step.handler))
            continue
        changes = [
            (contract.mode is not step.mode, f"it is {_word(contract.mode)} now, and was {_word(step.mode)}"),
            (step.compensation and not contract.has_compensation, "its compensation is gone"),
            (step.probe and not contract.has_probe, "its probe is gone"),
        ]
        remedy = f"Put it back in service {step.service}, or register a new version of {graph.name}."
        found.extend(
            error(Code.CONTRACT_CHANGED, place, f"{reason}.", remedy) for changed, reason in changes if changed
        )
    return tuple(found)


def _title(outline: Outline) -> str:
    return f"{outline.name} v{outline.version}"


def _place(outline: Outline, step: StepOutline) -> str:
    return f"{_title(outline)}, step {step.name}"


def _word(mode: Mode) -> str:
    return mode.name.lower()


# -- the whole definition ---------------------------------------------------------------------------------------------


def _head_findings(outline: Outline) -> Iterator[Finding]:
    place = _title(outline)
    if not is_name(outline.name):
        yield _bad_name(place, "definition", outline.name)
    if not 1 <= outline.version <= VERSION_MAX:
        reason = f"The version {outline.version} is not between 1 and {VERSION_MAX}."
        yield error(Code.VERSION_INVALID, place, reason, "Count versions from 1.")
    if not outline.steps:
        yield error(Code.NO_STEPS, place, "It has no steps.", "Add at least one step.")
    if outline.deadline_ms is not None:
        yield from _time_findings(place, "deadline", outline.deadline_ms)
    yield from _time_findings(place, "compensation budget", outline.compensation_budget_ms)
    yield from _template_findings(f"{place}, returns", outline.returns)
    for name, count in Counter(step.name for step in outline.steps).items():
        if count > 1:
            remedy = "Give each its own name with name=."
            yield error(Code.NAME_TWICE, place, f"{count} steps are called {name}.", remedy)


def _size_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    place = _title(outline)
    size = len(freeze(outline, contracts).canonical)
    if size > DEFINITION_BYTES_MAX:
        reason = f"It takes {size} bytes in canonical form; {DEFINITION_BYTES_MAX} are allowed."
        yield error(Code.TOO_MANY_BYTES, place, reason, "Move large literals into the services or the input.")


# -- one step by itself -----------------------------------------------------------------------------------------------


def _step_findings(outline: Outline, step: StepOutline) -> Iterator[Finding]:
    place = _place(outline, step)
    for kind, name in (("step", step.name), ("service", step.service), ("handler", step.handler)):
        if not is_name(name):
            yield _bad_name(place, kind, name)
    yield from _time_findings(place, "timeout", step.timeout_ms)
    yield from _retry_findings(place, "retry", step.retry)
    yield from _retry_findings(place, "compensation_retry", step.compensation_retry)
    yield from _template_findings(f"{place}, inputs", step.inputs)
    if outline.deadline_ms is not None and not step.retriable:
        yield from _budget_findings(place, step.retry, outline.deadline_ms)


def _bad_name(place: str, kind: str, name: str) -> Finding:
    return error(Code.NAME_INVALID, place, f"{name!r} cannot name a {kind}.", f"Names are made of {NAME_RULE}.")


def _time_findings(place: str, kind: str, milliseconds: int) -> Iterator[Finding]:
    if milliseconds <= 0:
        yield error(Code.TIME_INVALID, place, f"The {kind} is not above zero.", "Write a longer one.")
    if milliseconds > DURATION_MS_MAX:
        reason = f"The {kind} is longer than {duration_text(DURATION_MS_MAX)}."
        yield error(Code.TIME_INVALID, place, reason, "Write a shorter one.")


def _retry_findings(place: str, kind: str, policy: RetryPolicy) -> Iterator[Finding]:
    times = (policy.first_ms, policy.cap_ms, policy.give_up_after_ms or 0)
    faults = [
        (
            not 1 <= (policy.attempts or 1) <= ATTEMPTS_MAX or policy.attempts == 0,
            f"has not 1 to {ATTEMPTS_MAX} attempts",
        ),
        (policy.first_ms < 0, "starts with a negative pause"),
        (policy.cap_ms < policy.first_ms, "has a cap below its first pause"),
        (max(times) > DURATION_MS_MAX, f"has a time longer than {duration_text(DURATION_MS_MAX)}"),
        (
            not FACTOR_PERCENT_MIN <= policy.factor_percent <= FACTOR_PERCENT_MAX,
            f"has a factor outside 1 to {FACTOR_PERCENT_MAX // 100}",
        ),
        (not 0 <= policy.jitter_percent <= JITTER_PERCENT_MAX, "has a jitter outside 0 to 1"),
        (policy.give_up_after_ms is not None and policy.give_up_after_ms <= 0, "gives up after no time at all"),
    ]
    for holds, fault in faults:
        if holds:
            yield error(Code.RETRY_INVALID, place, f"Its {kind} {fault}.", "Correct the policy.")


def _budget_findings(place: str, policy: RetryPolicy, deadline_ms: int) -> Iterator[Finding]:
    """A warning where the pauses alone outlast the deadline: the last attempts of that policy are never made."""
    pauses_ms = _pauses_ms(policy, deadline_ms)
    if pauses_ms > deadline_ms:
        reason = f"The pauses between its attempts are longer than the deadline of {duration_text(deadline_ms)}."
        remedy = "Allow fewer attempts or shorter pauses, or a later deadline."
        yield warning(Code.RETRY_BEYOND_DEADLINE, place, reason, remedy)


def _pauses_ms(policy: RetryPolicy, enough_ms: int) -> float:
    """Add up the pauses of a policy without its jitter, as far as it takes to pass `enough_ms`."""
    total, pause = 0.0, float(policy.first_ms)
    for _ in range((policy.attempts or 1) - 1):
        pause = min(pause, policy.cap_ms)
        total += pause
        if pause <= 0 or total > enough_ms:
            break
        pause *= policy.factor_percent / 100
    return total if policy.give_up_after_ms is None else min(total, policy.give_up_after_ms)


def _template_findings(place: str, template: Json) -> Iterator[Finding]:
    for fault in template_faults(template):
        yield error(
            Code.TEMPLATE_INVALID, place, f"In the template, {fault}.", "Use recorded paths and JSON values only."
        )


# -- edges and what is read along them --------------------------------------------------------------------------------


def _edge_findings(outline: Outline) -> Iterator[Finding]:
    place = _title(outline)
    if len(outline.steps) > STEPS_MAX:
        reason = f"It has {len(outline.steps)} steps; {STEPS_MAX} are allowed."
        yield error(Code.TOO_MANY_STEPS, place, reason, "Move a part of it into one step.")
    edges = sum(map(len, outline.after))
    if edges > EDGES_MAX:
        reason = f"Its steps name {edges} predecessors in all; {EDGES_MAX} are allowed."
        yield error(Code.TOO_MANY_EDGES, place, reason, "Join many branches in one step and go on from there.")
    for step in outline.steps:
        for name in dict.fromkeys(step.after):
            if name not in outline.positions:
                remedy = _known(outline)
                yield error(
                    Code.UNKNOWN_PREDECESSOR, _place(outline, step), f"It comes after {name}, which is no step.", remedy
                )
    for cycle in outline.order.cycles:
        names = [outline.steps[node].name for node in cycle]
        reason = f"These steps wait for each other: {' -> '.join([*names, names[0]])}."
        yield error(Code.CYCLE, place, reason, "Take away one of these edges.")


def _known(outline: Outline) -> str:
    return f"The steps are: {', '.join(outline.positions)}."


def _reading_findings(outline: Outline) -> Iterator[Finding]:
    for position, step in enumerate(outline.steps):
        for name in reads(step.inputs):
            place = f"{_place(outline, step)}, inputs"
            if name not in outline.positions:
                yield error(
                    Code.READS_UNKNOWN, place, f"They read the output of {name}, which is no step.", _known(outline)
                )
            elif not outline.order.is_before(outline.positions[name], position):
                reason = f"They read the output of {name}, which need not have finished before."
                yield error(Code.READS_UNORDERED, place, reason, f"Put {name} before it: after={name}.")
    for name in reads(outline.returns):
        if name not in outline.positions:
            place = f"{_title(outline)}, returns"
            yield error(Code.READS_UNKNOWN, place, f"It reads the output of {name}, which is no step.", _known(outline))


# -- contracts --------------------------------------------------------------------------------------------------------


def _contract_findings(outline: Outline, step: StepOutline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    place = _place(outline, step)
    contract = contracts.get(step.contract_name)
    if contract is None:
        yield _contract_missing(place, step.service, step.handler)
        return
    if contract.has_compensation and is_read_only(step, contract):
        reason = "It is read-only, and its service has a compensation for it, which would never be called."
        yield error(Code.READ_ONLY_COMPENSATED, place, reason, "Take away read_only or the compensation.")
    if contract.has_probe and contract.mode is not Mode.EXTERNAL:
        reason = f"It has a probe, and is {_word(contract.mode)}: the probe is never asked."
        yield warning(Code.PROBE_WITHOUT_USE, place, reason, "Take the probe away, or say external=True.")


def _contract_missing(place: str, service: str, handler: str) -> Finding:
    reason = f"No participant has published a contract for {service}.{handler}."
    remedy = f"Start service {service} with a handler called {handler}, or correct the name."
    return error(Code.CONTRACT_MISSING, place, reason, remedy)


# -- pivot and compensations ------------------------------------------------------------------------------------------


def _pivot_findings(outline: Outline) -> Iterator[Finding]:
    if len(outline.pivots) > 1:
        names = ", ".join(outline.steps[position].name for position in outline.pivots)
        remedy = "Keep pivot=True on one step and order the others before or behind it."
        yield error(Code.SEVERAL_PIVOTS, _title(outline), f"It has more than one pivot: {names}.", remedy)
    if len(outline.pivots) != 1:
        return
    pivot = outline.pivots[0]
    for position, step in enumerate(outline.steps):
        if position == pivot or step.retriable or outline.order.is_before(position, pivot):
            continue
        where = "behind" if outline.order.is_before(pivot, position) else "beside"
        name = outline.steps[pivot].name
        reason = f"It runs {where} the pivot {name} and may fail when it is too late to roll back."
        remedy = f"Say retriable=True if it never rejects, or order it before {name}."
        yield error(Code.NOT_RETRIABLE, _place(outline, step), reason, remedy)


def _compensation_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    """A step needs a compensation if the saga can still be rolled back when it has succeeded.

    A deadline and a cancel can roll back every saga that runs and has not passed its pivot, whatever its steps do. So
    only the pivot, what is ordered behind it, and what has no effect go without. A step beside the pivot may finish
    before it, and has to be undone then.
    """
    if len(outline.pivots) > 1:
        return
    pivot = pivot_position(outline, contracts)
    for position, step in enumerate(outline.steps):
        contract = contracts.get(step.contract_name)
        is_final = pivot >= 0 and (position == pivot or outline.order.is_before(pivot, position))
        if contract is None or contract.has_compensation or is_final or is_read_only(step, contract):
            continue
        reason = "It has no compensation, and the saga can still be rolled back when it has succeeded."
        remedy = (
            f"Compensate {step.contract_name}, order it behind the pivot, or say read_only=True if it has no effect."
        )
        yield error(Code.COMPENSATION_MISSING, _place(outline, step), reason, remedy)
