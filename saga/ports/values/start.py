"""A saga to be inserted, and the answer when its start key is already taken."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from saga.core.rules.decision import HistoryEntry
from saga.core.state.saga_state import State
from saga.ports.values.write import Dispatch, Parking


class Start(Struct):
    """A saga to be inserted, with the commands and the history of its first decision.

    `trace`: the W3C traceparent under which its steps are traced. `parkings`: see `Write`.
    """

    saga: UUID
    definition: int
    definition_name: str
    state: State
    deadline_seconds: float | None
    input: bytes
    key: str | None
    input_hash: bytes
    tags: str | None
    dispatches: list[Dispatch]
    entries: Sequence[HistoryEntry]
    trace: str | None = None
    parkings: Sequence[Parking] = ()


class TakenKey(Struct, frozen=True):
    """A start that was not inserted, because its key is taken by `saga`. `position`: its place among the starts."""

    position: int
    saga: UUID
    is_same_input: bool
