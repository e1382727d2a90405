"""What `decide` returns: the new state, the commands to dispatch and the history to record."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from saga.core.rules.history_kind import HistoryKind
from saga.core.state.operation import Operation
from saga.core.state.saga_state import State


class Command(NamedTuple):
    """An instruction to the service of a step, due `after_seconds` from now."""

    step: int
    operation: Operation
    after_seconds: float


class HistoryEntry(NamedTuple):
    """One line of the saga's history; `step` is -1 where it is about the whole saga."""

    kind: HistoryKind
    step: int
    detail: str | None


class Decision(Struct, frozen=True):
    """What is to be committed, and published only afterwards. `state` is the very same object where nothing changed."""

    state: State
    changed: bool
    commands: tuple[Command, ...]
    entries: tuple[HistoryEntry, ...]
