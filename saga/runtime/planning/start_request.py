"""A request to start one saga."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from saga.core.definition.graph import Graph


class StartRequest(Struct):
    """A saga to be started. `input` and `tags` are JSON."""

    saga: UUID
    definition: int
    graph: Graph
    input: bytes
    input_hash: bytes
    key: str | None
    tags: str | None
    trace: str | None = None
