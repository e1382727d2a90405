"""The array parameters of `commit_batch`, `start_batch` and `admit`: a batch of values as columns, in the order of the parameters.

Columns are text literals, except inputs, results and hashes. The driver sends these as they are; in a literal each byte is two digits,
which the server parses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from saga.ports.values.claim import DeliveredCommand
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch, Parking, Write
from saga_postgres.array_literals import NULL, Row, array_literals, quoted_text, quoted_word

Column = str | Sequence[bytes | None]
"""A literal, or values that the driver encodes."""


def commit_columns(writes: Sequence[Write]) -> list[Column]:
    """s_id .. e_detail of `commit_batch`."""
    sagas: list[Row] = []
    fences: list[Row] = []
    drops: list[Row] = []
    delays: list[Row] = []
    dispatches: list[Row] = []
    results: list[Row] = []
    values: list[bytes | None] = []
    entries: list[Row] = []
    for n, write in enumerate(writes, 1):
        at = str(n)
        sagas.append(_saga_row(write))
        for step, claim in write.fences:
            fences.append((at, str(step), NULL if claim is None else str(claim)))
        for drop in write.drops:
            drops.append((at, str(drop.step), NULL if drop.claim is None else str(drop.claim)))
        for delay in write.delays:
            times = (repr(delay.after_seconds), repr(delay.quiet_seconds))
            counts = (str(delay.failures), str(delay.isolated_attempts))
            delays.append((at, str(delay.step), str(delay.claim), *times, *counts, quoted_text(delay.error)))
        for dispatch in write.dispatches:
            dispatches.append((at, *_dispatch_row(dispatch), repr(dispatch.after_seconds)))
        for result in write.results:
            results.append((at, str(result.step), str(result.attempts)))
            values.append(result.value)
        for entry in write.entries:
            entries.append((at, str(entry.step), quoted_word(entry.kind), quoted_text(entry.detail)))
    return [
        *array_literals(sagas, 5), *_flags(writes), *array_literals(fences, 3), *array_literals(drops, 3), *array_literals(delays, 8),
        *array_literals(dispatches, 7), *array_literals(results, 3), values, *array_literals(entries, 4),
    ]  # fmt: skip


def start_columns(starts: Sequence[Start]) -> list[Column]:
    """s_id .. e_detail of `start_batch`."""
    sagas: list[Row] = []
    keys: list[Row] = []
    hashes: list[bytes] = []
    dispatches: list[Row] = []
    entries: list[Row] = []
    for n, start in enumerate(starts, 1):
        at, state = str(n), start.state
        deadline = NULL if start.deadline_seconds is None else repr(start.deadline_seconds)
        texts = (quoted_text(state.vector), deadline, quoted_text(start.tags), quoted_text(start.trace))
        sagas.append((start.saga.hex, str(start.definition), state.phase.letter, *texts))
        if start.key is not None:
            keys.append((at, quoted_text(start.definition_name), quoted_text(start.key)))
            hashes.append(start.input_hash)
        for dispatch in start.dispatches:
            dispatches.append((at, *_dispatch_row(dispatch)))
        for entry in start.entries:
            entries.append((at, str(entry.step), quoted_word(entry.kind), quoted_text(entry.detail)))
    return [
        *array_literals(sagas, 7),
        [start.input for start in starts],
        *array_literals(keys, 3),
        hashes,
        *array_literals(dispatches, 6),
        *array_literals(entries, 4),
    ]


def parking_columns(parts: Sequence[Write | Start]) -> list[str]:
    """w_s .. w_kept of `commit_waits` and `start_waits`."""
    rows: list[Row] = []
    for n, part in enumerate(parts, 1):
        claims = {delay.step: str(delay.claim) for delay in part.delays} if isinstance(part, Write) else {}
        parkings: Sequence[Parking] = part.parkings
        for parking in parkings:
            seconds = NULL if parking.seconds is None else repr(parking.seconds)
            names = quoted_text("{" + ",".join(map(quoted_text, parking.names)) + "}")
            is_kept = "t" if parking.is_kept else "f"
            rows.append((str(n), str(parking.step), claims.get(parking.step, NULL), seconds, names, is_kept))
    return array_literals(rows, 6)


def consumption_columns(writes: Sequence[Write]) -> list[str]:
    """i_s .. i_event of `commit_waits`."""
    rows = [
        (str(n), str(consumption.step), quoted_text(consumption.event))
        for n, write in enumerate(writes, 1)
        for consumption in write.consumptions
    ]
    return array_literals(rows, 3)


def delivery_columns(deliveries: Sequence[DeliveredCommand], services: Sequence[str]) -> list[str]:
    """p_saga .. p_service of `admit`."""
    rows = [
        (delivery.saga.hex, str(delivery.step), delivery.operation.letter, quoted_word(service))
        for delivery, service in zip(deliveries, services, strict=True)
    ]
    return array_literals(rows, 4)


def _saga_row(write: Write) -> Row:
    state = write.state
    changed = "t" if write.changed else "f"
    return write.saga.hex, str(write.version), changed, state.phase.letter, quoted_word(state.vector)


def _flags(writes: Sequence[Write]) -> list[str]:
    """s_rollback .. s_wake, which most sagas do not need: empty columns if no saga of the batch does."""
    if not any(map(_needs_flags, writes)):
        return ["{}"] * 5
    return array_literals([_flag_row(write) for write in writes], 5)


def _needs_flags(write: Write) -> bool:
    state = write.state
    return (
        state.reason is not None
        or write.wake_seconds is not None
        or write.is_deadline_moved
        or state.rollback_requested
        or state.paused
    )


def _flag_row(write: Write) -> Row:
    state = write.state
    return (
        "t" if state.rollback_requested else "f",
        "t" if state.paused else "f",
        _deadline(write) if write.is_deadline_moved else NULL,
        quoted_text(state.reason),
        NULL if write.wake_seconds is None else repr(write.wake_seconds),
    )


def _dispatch_row(dispatch: Dispatch) -> Row:
    return (
        str(dispatch.step),
        dispatch.operation.letter,
        quoted_word(dispatch.service),
        NULL if dispatch.owner is None else str(dispatch.owner),
        NULL if dispatch.claim is None else str(dispatch.claim),
    )


def _deadline(write: Write) -> str:
    """Infinity removes the deadline."""
    return repr(math.inf if write.state.deadline is None else write.state.deadline)
