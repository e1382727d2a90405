"""The directory port: definitions and contracts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json


class Directory(Protocol):
    """Definitions and contracts."""

    async def publish(self, contracts: Sequence[Contract]) -> None:
        """Replace what was published under the same names."""

    async def contracts(self) -> dict[str, Contract]:
        """All contracts, by 'service.handler'."""

    async def register(self, graph: Graph, input_schema: Json, *, activate: bool, overwrite: bool) -> int:
        """Store a definition and return its number. The same hash again is the same number.

        Raises:
            Conflict: this name and version is another graph already; `overwrite` replaces it where no saga runs on it.
        """

    async def graph(self, definition: int) -> Graph:
        """Load a definition by number. Raises NotFound."""

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        """A definition by name: that version, or the newest one that is activated. Raises NotFound."""
