"""Batches of objects become columns: the array arguments of `commit_batch`, `start_batch` and `admit`, in their order.

The arrays are written as PostgreSQL's text literals: the driver's own encoding of arrays asks every element whether it
is a container, which was a third of the cost of a step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

from saga.ports.values.claim import DeliveredCommand
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch, Write

Row = tuple[str, ...]
NULL = "NULL"


def commit_columns(writes: Sequence[Write]) -> list[str]:
    """s_id .. e_detail of `commit_batch`."""
    sagas: list[Row] = []
    fences: list[Row] = []
    drops: list[Row] = []
    delays: list[Row] = []
    dispatches: list[Row] = []
    results: list[Row] = []
    entries: list[Row] = []
    for n, write in enumerate(writes, 1):
        at = str(n)
        sagas.append(_saga(write))
        for step, claim in write.fences:
            fences.append((at, str(step), str(claim)))
        for drop in write.drops:
            drops.append((at, str(drop.step), NULL if drop.claim is None else str(drop.claim)))
        for delay in write.delays:
            times = (repr(delay.after_seconds), repr(delay.quiet_seconds))
            counts = (str(delay.failures), str(delay.isolated_attempts))
            delays.append((at, str(delay.step), str(delay.claim), *times, *counts, _text(delay.error)))
        for dispatch in write.dispatches:
            dispatches.append((at, *_dispatch(dispatch), repr(dispatch.after_seconds)))
        for result in write.results:
            results.append(
                (at, str(result.step), str(result.attempts), NULL if result.value is None else _bytes(result.value))
            )
        for entry in write.entries:
            entries.append((at, str(entry.step), _word(entry.kind), _text(entry.detail)))
    return [
        *literals(sagas, 5), *_flags(writes), *literals(fences, 3), *literals(drops, 3), *literals(delays, 8),
        *literals(dispatches, 7), *literals(results, 4), *literals(entries, 4),
    ]  # fmt: skip


def start_columns(starts: Sequence[Start]) -> list[str]:
    """s_id .. e_detail of `start_batch`."""
    sagas: list[Row] = []
    keys: list[Row] = []
    dispatches: list[Row] = []
    entries: list[Row] = []
    for n, start in enumerate(starts, 1):
        at, state = str(n), start.state
        deadline = NULL if start.deadline_seconds is None else repr(start.deadline_seconds)
        texts = (_text(state.vector), deadline, _text(start.tags), _text(start.trace))
        sagas.append((start.saga.hex, str(start.definition), state.phase.letter, *texts, _bytes(start.input)))
        if start.key is not None:
            keys.append((at, _text(start.definition_name), _text(start.key), _bytes(start.input_hash)))
        for dispatch in start.dispatches:
            dispatches.append((at, *_dispatch(dispatch)))
        for entry in start.entries:
            entries.append((at, str(entry.step), _word(entry.kind), _text(entry.detail)))
    return [*literals(sagas, 8), *literals(keys, 4), *literals(dispatches, 6), *literals(entries, 4)]


def delivery_columns(deliveries: Sequence[DeliveredCommand], services: Sequence[str]) -> list[str]:
    """p_saga .. p_service of `admit`."""
    rows = [
        (delivery.saga.hex, str(delivery.step), delivery.operation.letter, _word(service))
        for delivery, service in zip(deliveries, services, strict=True)
    ]
    return literals(rows, 4)


def _saga(write: Write) -> Row:
    state = write.state
    changed = "t" if write.changed else "f"
    return write.saga.hex, str(write.version), changed, state.phase.letter, _word(state.vector)


def _flags(writes: Sequence[Write]) -> list[str]:
    """What most sagas have not: empty columns where no saga of the batch has any of it."""
    if not any(map(_has_flags, writes)):
        return ["{}"] * 5
    return literals([_flags_of(write) for write in writes], 5)


def _has_flags(write: Write) -> bool:
    state = write.state
    return (
        state.reason is not None
        or write.wake_seconds is not None
        or write.is_deadline_moved
        or state.rollback_requested
        or state.paused
    )


def _flags_of(write: Write) -> Row:
    state = write.state
    return (
        "t" if state.rollback_requested else "f",
        "t" if state.paused else "f",
        _deadline(write) if write.is_deadline_moved else NULL,
        _text(state.reason),
        NULL if write.wake_seconds is None else repr(write.wake_seconds),
    )


def _dispatch(dispatch: Dispatch) -> Row:
    return (
        str(dispatch.step),
        dispatch.operation.letter,
        _word(dispatch.service),
        NULL if dispatch.owner is None else str(dispatch.owner),
        NULL if dispatch.claim is None else str(dispatch.claim),
    )


def _deadline(write: Write) -> str:
    """Infinity takes it away."""
    return repr(math.inf if write.state.deadline is None else write.state.deadline)


@lru_cache(maxsize=4_096)
def _word(value: str) -> str:
    """A text of which there are few: kinds, services, vectors."""
    return _text(value)


def _text(value: str | None) -> str:
    if value is None:
        return NULL
    if value.isalnum() and value.upper() != NULL:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


def literals(rows: Iterable[Row], width: int) -> list[str]:
    columns = list(zip(*rows, strict=True))
    if not columns:
        return ["{}"] * width
    return ["{" + ",".join(column) + "}" for column in columns]
