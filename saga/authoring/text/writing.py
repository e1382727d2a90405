"""Writes a definition in the words of its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import yaml

from saga.authoring.delays import undelayed
from saga.authoring.durations import COMPENSATION_BUDGET, STEP_TIMEOUT
from saga.authoring.retry import DEFAULT_ATTEMPTS
from saga.authoring.text.expressions import written
from saga.authoring.text.scalars import OneLine, Writer
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.outline import (
    AnyStepOutline,
    CheckOutline,
    Outline,
    StepOutline,
    TimerOutline,
    WaitOutline,
    written_fields,
)
from saga.core.definition.paths import literal
from saga.core.definition.retry_policy import DEFAULT_RETRY, RetryPolicy
from saga.core.definition.step import Check, Step, Timer, Wait
from saga.core.duration import duration_text
from saga.core.state.mode import Mode

_WIDTH: Final = 1_000_000
"""Characters of a line: no text is folded."""
_SWITCHES: Final = ("pivot", "retriable", "read_only", "handled", "optional")

Attempts: TypeAlias = int | Literal["auto"] | None
Document: TypeAlias = dict[str, Json]


def document_of(outline: Outline, attempts: Mapping[str, Attempts]) -> Document:
    """Returns a definition as it is written. `attempts` has those of each step, by its name."""
    document: Document = {"name": outline.name, "version": outline.version}
    if outline.deadline_ms is not None:
        document["deadline"] = duration_text(outline.deadline_ms)
    document |= _unless(COMPENSATION_BUDGET, "compensation_budget", duration_text(outline.compensation_budget_ms))
    document |= _unless(None, "input", outline.input_schema)
    document |= _unless(None, "events", outline.event_schemas)
    document["steps"] = list(_steps(outline.steps, attempts))
    return document | _unless(None, "returns", written(outline.returns))


def stored_document(graph: Graph) -> Document:
    """Returns a stored definition as it can be written: what its contracts added is left out where they add it again."""
    steps = tuple(_outline(graph, step) for step in graph.steps)
    outline = Outline(
        name=graph.name,
        version=graph.version,
        steps=steps,
        deadline_ms=graph.deadline_ms,
        compensation_budget_ms=graph.compensation_budget_ms,
        returns=graph.returns,
        input_schema=graph.input_schema,
        event_schemas=graph.event_schemas,
    )
    if graph.pivot >= 0 and graph.pivot == outline.closing and _is_pivot_unsaid(graph.steps[graph.pivot]):
        outline = replace(outline, steps=tuple(replace(step, pivot=False) for step in steps))
    return document_of(outline, {step.name: _attempts(step) for step in graph.steps})


def _outline(graph: Graph, step: Step) -> AnyStepOutline:
    written = written_fields(step) | {"after": tuple(graph.steps[position].name for position in step.after)}
    if isinstance(step, Check):
        return CheckOutline(**written)
    if isinstance(step, Wait):
        return WaitOutline(**written)
    until = None if step.until is None else graph.steps[step.until].name
    return TimerOutline(**written, until=until) if isinstance(step, Timer) else StepOutline(**written, until=until)


def _is_pivot_unsaid(step: Step) -> bool:
    """Returns whether the step is the pivot also without the word, because it closes the saga and cannot be undone."""
    return not (step.compensation or step.read_only or step.goes_on)


def _attempts(step: Step) -> Attempts:
    default = DEFAULT_ATTEMPTS.of(is_forward=step.retriable, is_external=step.mode is Mode.EXTERNAL)
    return "auto" if step.retry.attempts == default else step.retry.attempts


def yaml_text(document: Document) -> str:
    """Returns a document as YAML."""
    return yaml.dump(document, Dumper=Writer, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _steps(steps: Sequence[AnyStepOutline], attempts: Mapping[str, Attempts]) -> Iterator[Document]:
    """A timer that a delay has put before the next step becomes the word `delay` of that step."""
    waiting = list(reversed(steps))
    while waiting:
        step = waiting.pop()
        call = undelayed(step, waiting[-1]) if waiting else None
        if call is not None and isinstance(step, TimerOutline):
            waiting.pop()
            yield _call(call, attempts[call.name], duration_text(step.pause_ms))
        elif isinstance(step, StepOutline):
            yield _call(step, attempts[step.name], None)
        else:
            yield _engine_step(step)


def _engine_step(step: CheckOutline | WaitOutline | TimerOutline) -> Document:
    if isinstance(step, CheckOutline):
        return {"check": step.holds, "reason": step.reason, "name": step.name, **_order(step)}
    if isinstance(step, TimerOutline):
        return {"timer": duration_text(step.pause_ms), "name": step.name, **_order(step)}
    names: Json = OneLine(step.names) if len(step.names) > 1 else step.names[0]
    if step.cancels:
        return {"cancel_on": names, **_unless(f"cancel_on_{names}", "name", step.name)}
    return {
        "wait": names,
        **_unless(names, "name", step.name),
        **_order(step),
        **({} if step.wait_ms is None else {"timeout": duration_text(step.wait_ms)}),
        **({} if step.otherwise is None else {"otherwise": written(literal(step.otherwise["value"]))}),
        **({"handled": True} if step.handled else {}),
    }


def _call(step: StepOutline, attempts: Attempts, delay: str | None) -> Document:
    return {
        "step": step.contract_name,
        **_unless(step.handler, "name", step.name),
        **_order(step),
        **_unless(None, "delay", delay),
        **_unless(None, "inputs", written(step.inputs)),
        **{name: True for name in _SWITCHES if getattr(step, name)},
        **_unless(STEP_TIMEOUT, "timeout", duration_text(step.timeout_ms)),
        **_unless({}, "retry", _policy(step.retry, attempts)),
        **_unless(
            {}, "compensation_retry", _policy(step.compensation_retry, step.compensation_retry.attempts or "auto")
        ),
    }


def _order(step: AnyStepOutline) -> Document:
    """The words for the order of a step, its condition, and the step with which it is over."""
    names: Json = OneLine(step.after)
    if step.successes == 1:
        names = {"any_of": names}
    elif step.successes:
        names = {"at_least": step.successes, "of": names}
    elif len(step.after) == 1:
        names = step.after[0]
    return {
        **({"after": names} if step.after else {}),
        **_unless(None, "when", step.condition),
        **_unless(None, "until", step.until),
    }


def _policy(policy: RetryPolicy, attempts: Json) -> Document:
    default = DEFAULT_RETRY
    return {
        **_unless("auto", "attempts", attempts),
        **_unless(duration_text(default.first_ms), "first", duration_text(policy.first_ms)),
        **_unless(duration_text(default.cap_ms), "cap", duration_text(policy.cap_ms)),
        **_unless(default.factor_percent / 100, "factor", policy.factor_percent / 100),
        **_unless(default.jitter_percent / 100, "jitter", policy.jitter_percent / 100),
        **({} if policy.give_up_after_ms is None else {"give_up_after": duration_text(policy.give_up_after_ms)}),
    }


def _unless(default: Json, word: str, value: Json) -> Document:
    """A word and its value, left out if it is the default."""
    return {} if value == default else {word: value}
