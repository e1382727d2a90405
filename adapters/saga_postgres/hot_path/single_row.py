"""One saga at a time is what many commits and starts are. In their commonest form they need no arrays: `commit_one`, `start_one`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from saga.core.rules.decision import HistoryEntry
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch, Write

_NO_RESULT: Final = (None, None)
_NO_COMMAND: Final = (None,) * 6


def one_commit(write: Write) -> tuple[object, ...] | None:
    """s_id .. e_saga of `commit_one`: a step has its outcome, and one step follows or none. None: it is more than that."""
    if len(write.drops) != 1 or not _is_undisturbed(write):
        return None
    drop, state = write.drops[0], write.state
    entry, of_saga = _lines(write.entries, drop.step)
    if entry is None or len(write.results) > 1 or len(write.dispatches) > 1:
        return None
    if write.results and write.results[0].step != drop.step:
        return None
    return (
        write.saga, write.version, state.phase.letter, state.vector, state.reason,
        drop.step, drop.claim,
        *((write.results[0].attempts, write.results[0].value) if write.results else _NO_RESULT),
        *((*_command(write.dispatches[0]), write.dispatches[0].after_seconds) if write.dispatches else _NO_COMMAND),
        entry.kind, entry.detail, of_saga,
    )  # fmt: skip


def one_start(start: Start) -> tuple[object, ...] | None:
    """s_id .. e_detail of `start_one`: one step is the first. None: it is more than that."""
    if len(start.dispatches) != 1 or len(start.entries) != 1 or start.entries[0].step != -1:
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


def _lines(entries: Sequence[HistoryEntry], step: int) -> tuple[HistoryEntry | None, str | None]:
    """The line of the step, and what is said of its saga, which has ended as a rule. None: there are others."""
    match entries:
        case (entry,) if entry.step == step:
            return entry, None
        case (entry, HistoryEntry(kind, -1, None)) if entry.step == step:
            return entry, kind
    return None, None


def _command(dispatch: Dispatch) -> tuple[object, ...]:
    return dispatch.step, dispatch.operation.letter, dispatch.service, dispatch.owner, dispatch.claim
