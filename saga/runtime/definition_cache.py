"""Definitions in memory: what was registered, loaded or met on the way."""

from __future__ import annotations

from saga.core.definition.graph import Graph
from saga.errors import DefinitionError
from saga.ports.directory import Directory


class DefinitionCache:
    """A cache of graphs by their number. A definition never changes under its number, so nothing ever expires."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._graphs: dict[int, Graph] = {}

    def add(self, number: int, graph: Graph) -> None:
        self._graphs[number] = graph

    def known(self, number: int) -> Graph | None:
        return self._graphs.get(number)

    async def graph(self, number: int) -> Graph:
        """Raises NotFound, Unavailable, DefinitionError (this build cannot read it)."""
        graph = self._graphs.get(number)
        if graph is None:
            try:
                graph = self._graphs[number] = await self._directory.graph(number)
            except (KeyError, TypeError, ValueError) as error:
                raise DefinitionError(f"definition number {number} cannot be read by this build: {error}") from error
        return graph
