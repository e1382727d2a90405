"""What is different in two definitions: for the conflict of two graphs under one name and version."""

from __future__ import annotations

from collections.abc import Iterator

import rfc8785

from saga.core.definition.graph import Graph, Json, RetryPolicy, Step
from saga.core.definition.paths import PATH_KEY, path_text
from saga.core.duration import duration_text


def difference(old: Graph, new: Graph) -> tuple[str, ...]:
    """Say in lines what has changed from one graph to the other; none where both have the same hash."""
    return tuple(_lines(old, new))


def _lines(old: Graph, new: Graph) -> Iterator[str]:
    yield from _changes("", _head(old), _head(new))
    before, after = {step.name: step for step in old.steps}, {step.name: step for step in new.steps}
    yield from (f"step {name}: removed" for name in before if name not in after)
    yield from (
        f"step {name}: added ({after[name].service}.{after[name].handler})" for name in after if name not in before
    )
    kept_before, kept_after = [name for name in before if name in after], [name for name in after if name in before]
    if kept_before != kept_after:
        yield f"order of writing: {', '.join(kept_before)} -> {', '.join(kept_after)}"
    for name in kept_before:
        yield from _changes(f"step {name}: ", _step(old, before[name]), _step(new, after[name]))


def _changes(prefix: str, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for field, value in before.items():
        if after[field] != value:
            yield f"{prefix}{field}: {value} -> {after[field]}"


def _head(graph: Graph) -> dict[str, str]:
    return {
        "name": graph.name,
        "version": str(graph.version),
        "deadline": _time(graph.deadline_ms),
        "compensation budget": _time(graph.compensation_budget_ms),
        "returns": _template(graph.returns),
    }


def _step(graph: Graph, step: Step) -> dict[str, str]:
    return {
        "handler": f"{step.service}.{step.handler}",
        "mode": step.mode.name.lower(),
        "after": ", ".join(graph.steps[position].name for position in step.after) or "nothing",
        "pivot": _truth(step.pivot),
        "retriable": _truth(step.retriable),
        "read-only": _truth(step.read_only),
        "compensation": _truth(step.compensation),
        "probe": _truth(step.probe),
        "timeout": _time(step.timeout_ms),
        "retry": _policy(step.retry),
        "compensation retry": _policy(step.compensation_retry),
        "inputs": "the saga's input" if step.inputs is None else _template(step.inputs),
    }


def _truth(value: bool) -> str:  # noqa: FBT001 (it writes a word for a value)
    return "yes" if value else "no"


def _time(milliseconds: int | None) -> str:
    return "none" if milliseconds is None else duration_text(milliseconds)


def _policy(policy: RetryPolicy) -> str:
    attempts = "no limit" if policy.attempts is None else f"{policy.attempts} attempts"
    pauses = f"{_time(policy.first_ms)} x {policy.factor_percent / 100} up to {_time(policy.cap_ms)}"
    give_up = "" if policy.give_up_after_ms is None else f", for {_time(policy.give_up_after_ms)}"
    return f"{attempts}, {pauses} +-{policy.jitter_percent} %{give_up}"


def _template(template: Json) -> str:
    """Write a template on one line, its paths bare and as people write them."""
    if isinstance(template, list):
        return f"[{', '.join(map(_template, template))}]"
    if not isinstance(template, dict):
        return rfc8785.dumps(template).decode()
    if PATH_KEY in template:
        return path_text(template[PATH_KEY])
    entries = (f"{_template(key)}: {_template(entry)}" for key, entry in sorted(template.items()))
    return f"{{{', '.join(entries)}}}"
