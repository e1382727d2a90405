"""Batches of objects become columns: the array arguments of `commit_batch` and `start_batch`, in their order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from saga.ports.work import Dispatch, Start, Write


class _Columns:
    """Named growing columns."""

    def __init__(self, count: int) -> None:
        self.columns: list[list[Any]] = [[] for _ in range(count)]

    def add(self, *values: Any) -> None:
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)


def commit_columns(writes: Sequence[Write]) -> list[list[Any]]:
    """s_id .. e_detail of `commit_batch`."""
    sagas, fences, drops, delays = _Columns(10), _Columns(3), _Columns(3), _Columns(7)
    dispatches, results, entries = _Columns(7), _Columns(4), _Columns(4)
    for n, write in enumerate(writes, 1):
        state = write.state
        sagas.add(
            write.saga, write.version, write.changed, state.phase.value.encode(), state.vector, state.cancel_requested, state.paused,
            _deadline(write), state.reason, write.wake_seconds,
        )  # fmt: skip
        for step, claim in write.fences:
            fences.add(n, step, claim)
        for drop in write.drops:
            drops.add(n, drop.step, drop.claim)
        for delay in write.delays:
            delays.add(n, delay.step, delay.claim, delay.after_seconds, delay.quiet_seconds, delay.failures, delay.error)
        for dispatch in write.dispatches:
            dispatches.add(n, *_dispatch(dispatch), dispatch.after_seconds)
        for result in write.results:
            results.add(n, result.step, result.attempts, result.value)
        for entry in write.entries:
            entries.add(n, entry.step, entry.kind, entry.detail)
    groups = (sagas, fences, drops, delays, dispatches, results, entries)
    return [column for group in groups for column in group.columns]


def start_columns(starts: Sequence[Start]) -> list[list[Any]]:
    """s_id .. e_detail of `start_batch`."""
    sagas, keys, dispatches, entries = _Columns(7), _Columns(4), _Columns(6), _Columns(4)
    for n, start in enumerate(starts, 1):
        state = start.state
        sagas.add(
            start.saga, start.definition, state.phase.value.encode(), state.vector, start.deadline_seconds, start.input, start.tags
        )  # fmt: skip
        if start.key is not None:
            keys.add(n, start.definition_name, start.key, start.input_hash)
        for dispatch in start.dispatches:
            dispatches.add(n, *_dispatch(dispatch))
        for entry in start.entries:
            entries.add(n, entry.step, entry.kind, entry.detail)
    return [column for group in (sagas, keys, dispatches, entries) for column in group.columns]


def _deadline(write: Write) -> float | None:
    """None leaves it, infinity takes it away."""
    if not write.is_deadline_moved:
        return None
    return math.inf if write.state.deadline is None else write.state.deadline


def _dispatch(dispatch: Dispatch) -> tuple[Any, ...]:
    return dispatch.step, dispatch.operation.value.encode(), dispatch.service, dispatch.owner, dispatch.claim
