"""The parameters of `commit_one` and `start_one`.

Deliberate duplication of the batches: most commits and starts are about one saga, and plain statements start sooner than those over
arrays (ADR 0015 has the figures). A test holds both forms to the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from saga.core.rules.decision import HistoryEntry
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch, Write

_NO_RESULT: Final = (None, None)
_NO_COMMAND: Final = (None,) * 6


def single_commit(write: Write) -> tuple[object, ...] | None:
    """s_id .. e_saga of `commit_one`: one step has its outcome, and one step follows or none. None: the write is more than that."""
    if len(write.drops) != 1 or write.parkings or write.consumptions or not _is_undisturbed(write):
        return None
    drop, state = write.drops[0], write.state
    entry, saga_kind = _entries(write.entries, drop.step)
    if entry is None or len(write.results) > 1 or len(write.dispatches) > 1:
        return None
    if write.results and write.results[0].step != drop.step:
        return None
    return (
        write.saga, write.version, state.phase.letter, state.vector, state.reason,
        drop.step, drop.claim,
        *((write.results[0].attempts, write.results[0].value) if write.results else _NO_RESULT),
        *((*_command(write.dispatches[0]), write.dispatches[0].after_seconds) if write.dispatches else _NO_COMMAND),
        entry.kind, entry.detail, saga_kind,
    )  # fmt: skip


def single_start(start: Start) -> tuple[object, ...] | None:
    """s_id .. e_detail of `start_one`, for a saga with one first step. None: the start is more than that."""
    if len(start.dispatches) != 1 or start.parkings or len(start.entries) != 1 or start.entries[0].step != -1:
        return None
    state, entry = start.state, start.entries[0]
    return (
        start.saga, start.definition, state.phase.letter, state.vector, start.deadline_seconds,
        start.tags, start.trace, start.input,
        start.definition_name, start.key, start.input_hash,
        *_command(start.dispatches[0]),
        entry.kind, entry.detail,
    )  # fmt: skip


def _is_undisturbed(write: Write) -> bool:
    state = write.state
    return (
        write.changed
        and not (write.fences or write.delays or write.is_deadline_moved or state.rollback_requested or state.paused)
        and write.wake_seconds is None
    )


def _entries(entries: Sequence[HistoryEntry], step: int) -> tuple[HistoryEntry | None, str | None]:
    """The history entry of the step, and the kind of one about the saga, which usually has ended. None: there are other entries."""
    match entries:
        case (entry,) if entry.step == step:
            return entry, None
        case (entry, HistoryEntry(kind, -1, None)) if entry.step == step:
            return entry, kind
    return None, None


def _command(dispatch: Dispatch) -> tuple[object, ...]:
    return dispatch.step, dispatch.operation.letter, dispatch.service, dispatch.owner, dispatch.claim
