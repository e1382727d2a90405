"""The directory port: the definitions and contracts of an installation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json


class Directory(Protocol):
    """Stores definitions and contracts.

    Raises:
        Unavailable: by every method; of `publish` and `register`, the outcome is unknown. Both may be repeated.
    """

    async def publish(self, contracts: Sequence[Contract]) -> None:
        """Publishes contracts; they replace those of the same names."""

    async def contracts(self) -> dict[str, Contract]:
        """Returns all contracts, by 'service.handler'."""

    async def register(self, graph: Graph, input_schema: Json, *, activate: bool, overwrite: bool) -> int:
        """Stores a definition and returns its number. A definition with the same hash keeps its number.

        Raises:
            Conflict: the same name and version has another graph; `overwrite` replaces it if no saga runs on it.
        """

    async def graph(self, definition: int) -> Graph:
        """Loads a definition by its number.

        Raises:
            NotFound: there is no such definition.
        """

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        """Finds a definition by name: this version, or (None) the newest activated one.

        Raises:
            NotFound: there is no such definition or version, or none is activated.
        """
