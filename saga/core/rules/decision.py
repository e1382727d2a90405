"""The result of `decide`: the new state, the commands to dispatch and the history to record."""

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
    """One line of the saga's history; `step` is -1 if it is about the whole saga."""

    kind: HistoryKind
    step: int
    detail: str | None


class Decision(Struct, frozen=True):
    """Commit it first, publish the commands afterwards. `state` is the identical object if nothing changed."""

    state: State
    changed: bool
    commands: tuple[Command, ...]
    entries: tuple[HistoryEntry, ...]
