"""Graphs for tests of the core, without contracts and authoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saga.core.definition.graph import Graph
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Call, Check, Step, Timer, Wait
from saga.core.state.mode import Mode

THREE_ATTEMPTS = RetryPolicy(
    attempts=3, first_ms=100, cap_ms=1_000, factor_percent=200, jitter_percent=20, give_up_after_ms=None
)


def step(
    name: str,
    mode: str,
    *,
    after: Sequence[int] = (),
    pivot: bool = False,
    compensation: bool = True,
    read_only: bool = False,
    **branch: Any,
) -> Call:
    """One step; `mode` is a letter of Mode, `after` are positions, `branch` the fields of steps that do not always run."""
    return Call(
        name=name,
        service="service",
        handler=name,
        mode=Mode(mode),
        after=tuple(after),
        pivot=pivot,
        retriable=False,
        read_only=read_only,
        compensation=compensation,
        probe=False,
        timeout_ms=1_000,
        retry=THREE_ATTEMPTS,
        compensation_retry=THREE_ATTEMPTS,
        inputs=None,
        reads=(),
        **branch,
    )


def check(name: str, *, holds: str, after: Sequence[int] = (), condition: str | None = None) -> Check:
    """A check of this condition; `after` are positions."""
    return Check(
        name=name,
        pivot=False,
        retriable=False,
        condition=condition,
        holds=holds,
        reason=f"{name} does not hold",
        after=tuple(after),
    )


def wait(name: str, *, after: Sequence[int] = (), cancels: bool = False, **branch: Any) -> Wait:
    """A wait for the event `name`, for an hour; `after` are positions, `branch` as in `step`."""
    return Wait(
        name=name,
        pivot=False,
        retriable=False,
        names=(name,),
        wait_ms=3_600_000,
        cancels=cancels,
        after=tuple(after),
        service="service",
        **branch,
    )


def timer(name: str, *, after: Sequence[int] = (), until: int | None = None, **branch: Any) -> Timer:
    """A timer of an hour; `after` and `until` are positions, `branch` as in `step`."""
    return Timer(
        name=name,
        pivot=False,
        retriable=False,
        pause_ms=3_600_000,
        until=until,
        after=tuple(after),
        service="service",
        **branch,
    )


def graph(*steps: Step, deadline_seconds: int | None = None) -> Graph:
    """These steps as a definition; the budget for compensation is a minute."""
    return Graph(
        name="test",
        version=1,
        steps=steps,
        deadline_ms=None if deadline_seconds is None else deadline_seconds * 1_000,
        compensation_budget_ms=60_000,
        returns=None,
    )


def shaped(after: Sequence[Sequence[int]], modes: str, *, pivot: int = -1) -> Graph:
    """Steps a, b, c ... with these modes, each after the positions given."""
    names = "abcdefghijklmnopqrstuvwxyz"
    parts = zip(names, modes, after, strict=False)
    return graph(*(step(name, mode, after=befores, pivot=i == pivot) for i, (name, mode, befores) in enumerate(parts)))


def chain(modes: str, *, pivot: int = -1) -> Graph:
    """Steps a, b, c ... one after the other."""
    return shaped([() if i == 0 else (i - 1,) for i in range(len(modes))], modes, pivot=pivot)
