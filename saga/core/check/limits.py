"""Names, limits, times and retry policies: what each part of a definition may say by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from saga.core.check.finding import Code, Finding, error, warning
from saga.core.check.place import step_place, title
from saga.core.definition.contract import Contract
from saga.core.definition.graph import DEFINITION_BYTES_MAX
from saga.core.definition.json_value import Json
from saga.core.definition.names import NAME_RULE, is_name
from saga.core.definition.outline import Outline, StepOutline, freeze
from saga.core.definition.paths import template_faults
from saga.core.definition.retry_policy import DEFAULT_RETRY, FAILURES_COUNTED_MAX, RetryPolicy
from saga.core.duration import DURATION_MS_MAX, duration_text
from saga.core.text import shown_value

VERSION_MAX: Final = 2**31 - 1
VERSION_REASON: Final = f"The version {{}} is not a whole number between 1 and {VERSION_MAX}."
VERSION_REMEDY: Final = "Count versions from 1."
ATTEMPTS_MAX: Final = FAILURES_COUNTED_MAX
STORED_ATTEMPTS_MAX: Final = 1_000_000
"""Maximum number of attempts in a definition: earlier builds accepted more than a command counts, which then ends them."""
TIMEOUT_MS_MAX: Final = 24 * 86_400_000
"""Longest timeout of one attempt: 24 days. A call that takes longer is started by one step and awaited by another."""
FACTOR_PERCENT_MIN: Final = 100
FACTOR_PERCENT_MAX: Final = 100_000
JITTER_PERCENT_MAX: Final = 100


def is_version(version: object) -> bool:
    """Returns whether it can be the version of a definition."""
    return type(version) is int and 1 <= version <= VERSION_MAX


def definition_findings(outline: Outline) -> Iterator[Finding]:
    place = title(outline)
    if not is_name(outline.name):
        yield bad_name(place, "a definition", outline.name)
    if not is_version(outline.version):
        yield error(Code.VERSION_INVALID, place, VERSION_REASON.format(shown_value(outline.version)), VERSION_REMEDY)
    if not outline.steps:
        yield error(Code.NO_STEPS, place, "It has no steps.", "Add at least one step.")
    if outline.deadline_ms is not None:
        yield from time_findings(place, "deadline", outline.deadline_ms)
    yield from time_findings(place, "compensation budget", outline.compensation_budget_ms)
    for fault in outline.input_faults:
        remedy = "Change the type of the input."
        yield error(Code.INPUT_UNREADABLE, place, f"An input could not be read back: {fault}.", remedy)
    yield from _template_findings(f"{place}, returns", outline.returns)
    for name, count in Counter(step.name for step in outline.steps).items():
        if count > 1:
            remedy = "Give each its own name with name=."
            yield error(Code.NAME_TWICE, place, f"{count} steps are called {name}.", remedy)


def size_findings(outline: Outline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    place = title(outline)
    size = len(freeze(outline, contracts).canonical)
    if size > DEFINITION_BYTES_MAX:
        reason = f"It takes {size} bytes in canonical form; {DEFINITION_BYTES_MAX} are allowed."
        yield error(Code.TOO_MANY_BYTES, place, reason, "Move large literals into the services or the input.")


def step_findings(outline: Outline, step: StepOutline) -> Iterator[Finding]:
    place = step_place(outline, step)
    for kind, name in (("a step", step.name), ("a service", step.service), ("a handler", step.handler)):
        if not is_name(name):
            yield bad_name(place, kind, name)
    yield from time_findings(place, "timeout", step.timeout_ms, TIMEOUT_MS_MAX)
    yield from _retry_findings(place, "retry", step.retry)
    yield from _retry_findings(place, "compensation_retry", step.compensation_retry)
    yield from _template_findings(f"{place}, inputs", step.inputs)
    if outline.deadline_ms is not None and not step.retriable:
        yield from _budget_findings(place, step.retry, outline.deadline_ms)


def bad_name(place: str, kind: str, name: str) -> Finding:
    return error(Code.NAME_INVALID, place, f"{name!r} cannot name {kind}.", f"Names are made of {NAME_RULE}.")


def time_findings(place: str, kind: str, milliseconds: int, longest: int = DURATION_MS_MAX) -> Iterator[Finding]:
    if milliseconds <= 0:
        yield error(Code.TIME_INVALID, place, f"The {kind} is not above zero.", "Set a longer one.")
    if milliseconds > longest:
        reason = f"The {kind} is longer than {duration_text(longest)}."
        yield error(Code.TIME_INVALID, place, reason, "Set a shorter one.")


def _retry_findings(place: str, kind: str, policy: RetryPolicy) -> Iterator[Finding]:
    times = (policy.first_ms, policy.cap_ms, policy.give_up_after_ms or 0)
    faults = [
        (
            not 1 <= (policy.attempts or 1) <= STORED_ATTEMPTS_MAX or policy.attempts == 0,
            f"must have 1 to {STORED_ATTEMPTS_MAX:,} attempts",
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
    """Warns if the pauses alone outlast the deadline: the last attempts of that policy are never made.

    The default policy gets no warning, because nobody chose it.
    """
    if policy == DEFAULT_RETRY:
        return
    pauses_ms = _pauses_ms(policy, deadline_ms)
    if pauses_ms > deadline_ms:
        reason = f"The pauses between its attempts are longer than the deadline of {duration_text(deadline_ms)}."
        remedy = "Allow fewer attempts or shorter pauses, or a later deadline."
        yield warning(Code.RETRY_BEYOND_DEADLINE, place, reason, remedy)


def _pauses_ms(policy: RetryPolicy, enough_ms: int) -> float:
    """Adds up the pauses of a policy without jitter, until the sum passes `enough_ms`."""
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
