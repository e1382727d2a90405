"""The difference of two definitions in words, for a conflict of two graphs under one name and version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import Final

import rfc8785

from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.paths import PATH_KEY, path_text
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Step
from saga.core.duration import duration_text


def difference(old: Graph, new: Graph) -> tuple[str, ...]:
    """Describes each change from one graph to the other on a line; returns nothing if both have the same hash."""
    return tuple(_lines(old, new))


def _lines(old: Graph, new: Graph) -> Iterator[str]:
    yield from _changes("", _head(old), _head(new))
    before, after = {step.name: step for step in old.steps}, {step.name: step for step in new.steps}
    yield from (f"step {name}: removed" for name in before if name not in after)
    yield from (f"step {name}: added ({_called(after[name])})" for name in after if name not in before)
    kept_before, kept_after = [name for name in before if name in after], [name for name in after if name in before]
    if kept_before != kept_after:
        yield f"order of writing: {', '.join(kept_before)} -> {', '.join(kept_after)}"
    for name in kept_before:
        yield from _changes(f"step {name}: ", _step(old, before[name]), _step(new, after[name]))


def _changes(prefix: str, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for field, value in before.items():
        if field in after and after[field] != value:  # steps of two kinds share some fields only
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
    """Every field in words, except those that follow from others."""
    handler = {"handler": _called(step)}
    shown = [each.name for each in fields(step) if each.name not in _FOLLOWING]
    shown.sort(key=lambda name: _rank(name, getattr(step, name)))
    return handler | {_label(name): _value(graph, name, getattr(step, name)) for name in shown}


def _called(step: Step) -> str:
    return f"{step.service}.{step.handler}" if step.service else step.handler


_FOLLOWING: Final = {"name", "service", "handler", "reads"}


def _rank(field: str, value: Json) -> int:
    """One word first, then lists, truths, times and policies, and the template last."""
    if field == "inputs":
        return len(_RANKS)
    return next((rank for rank, kind in enumerate(_RANKS) if isinstance(value, kind)), 0)


_RANKS: Final = (Enum, tuple, bool, int, RetryPolicy)


def _label(field: str) -> str:
    return "read-only" if field == "read_only" else field.removesuffix("_ms").replace("_", " ")


def _value(graph: Graph, field: str, value: Json) -> str:
    if field == "inputs":
        return "the saga's input" if value is None else _template(value)
    if field == "after":
        return ", ".join(graph.steps[position].name for position in value) or "nothing"
    if field == "until":
        return "none" if value is None else graph.steps[value].name
    if field == "otherwise":
        return "none" if value is None else rfc8785.dumps(value["value"]).decode()
    if field.endswith("_ms"):
        return _time(value)
    if isinstance(value, RetryPolicy):
        return _policy(value)
    if isinstance(value, Enum):
        return value.name.lower()
    return _plain(value)


def _plain(value: Json) -> str:
    """A truth, a text, a number, names, or nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "none" if value is None else str(value)


def _time(milliseconds: int | None) -> str:
    return "none" if milliseconds is None else duration_text(milliseconds)


def _policy(policy: RetryPolicy) -> str:
    attempts = "no limit" if policy.attempts is None else f"{policy.attempts} attempts"
    pauses = f"{_time(policy.first_ms)} x {policy.factor_percent / 100} up to {_time(policy.cap_ms)}"
    give_up = "" if policy.give_up_after_ms is None else f", for {_time(policy.give_up_after_ms)}"
    return f"{attempts}, {pauses} +-{policy.jitter_percent} %{give_up}"


def _template(template: Json) -> str:
    """Writes a template on one line, with its paths as people write them."""
    if isinstance(template, list):
        return f"[{', '.join(map(_template, template))}]"
    if not isinstance(template, dict):
        return rfc8785.dumps(template).decode()
    if PATH_KEY in template:
        return path_text(template[PATH_KEY])
    entries = (f"{_template(key)}: {_template(entry)}" for key, entry in sorted(template.items()))
    return f"{{{', '.join(entries)}}}"
