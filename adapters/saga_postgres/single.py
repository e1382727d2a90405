"""What most commits are: one outcome of one saga that nothing disturbs. Its write, as the arguments of `commit_step`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from saga.core.decide import Entry
from saga.ports.work import Dispatch, Write
from saga_postgres.signals import IF_MISSED, Told

_NO_RESULT: Final = (None, None)
_NO_COMMAND: Final = (None,) * 6
_NOBODY: Final = (None, None)


def step_arguments(writes: Sequence[Write], told: Told) -> tuple[object, ...] | None:
    """s_id .. n_payload of `commit_step`; None for what is more than that, which is `commit_batch`'s."""
    if len(writes) != 1:
        return None
    write = writes[0]
    heard = [(channel, payload) for channel, payload, when in told if when != IF_MISSED]
    if len(heard) > 1 or len(write.drops) != 1 or not _is_undisturbed(write):
        return None
    drop, state = write.drops[0], write.state
    entry, end = _step_and_end(write.entries, drop.step)
    if entry is None or len(write.results) > 1 or len(write.dispatches) > 1:
        return None
    if write.results and write.results[0].step != drop.step:
        return None
    return (
        write.saga, write.version, state.phase.letter, state.vector, state.reason,
        drop.step, drop.claim,
        *((write.results[0].attempts, write.results[0].value) if write.results else _NO_RESULT),
        *(_command(write.dispatches[0]) if write.dispatches else _NO_COMMAND),
        entry.kind, entry.detail, end,
        *(heard[0] if heard else _NOBODY),
    )  # fmt: skip


def _is_undisturbed(write: Write) -> bool:
    state = write.state
    return (
        write.changed
        and not (write.fences or write.delays or write.is_deadline_moved or state.cancel_requested or state.paused)
        and write.wake_seconds is None
    )


def _step_and_end(entries: Sequence[Entry], step: int) -> tuple[Entry | None, str | None]:
    """The line of the step, and what is said of the end of its saga; no line: there are others."""
    match entries:
        case (entry,) if entry.step == step:
            return entry, None
        case (entry, Entry(kind, -1, None)) if entry.step == step:
            return entry, kind
    return None, None


def _command(dispatch: Dispatch) -> tuple[object, ...]:
    return (
        dispatch.step, dispatch.operation.letter, dispatch.service,
        dispatch.owner, dispatch.claim, dispatch.after_seconds,
    )  # fmt: skip
