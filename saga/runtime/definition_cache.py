"""Definitions in memory."""

from __future__ import annotations

from saga.core.definition.graph import Graph
from saga.errors import DefinitionError
from saga.ports.directory import Directory
from saga.ports.values.claim import Claim


class DefinitionCache:
    """Graphs by their number. The definition of a number never changes, so no entry expires."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._graphs: dict[int, Graph] = {}

    def add(self, number: int, graph: Graph) -> None:
        self._graphs[number] = graph

    def known(self, number: int) -> Graph | None:
        return self._graphs.get(number)

    def described(self, claim: Claim) -> dict[str, str]:
        """Saga and step of a claim, by name, for a log line under any logging configuration."""
        graph = self._graphs.get(claim.definition)
        return {"saga": str(claim.saga), "step": str(claim.step) if graph is None else graph.steps[claim.step].name}

    async def graph(self, number: int) -> Graph:
        """Raises NotFound, Unavailable, DefinitionError (this build cannot read it)."""
        graph = self._graphs.get(number)
        if graph is None:
            try:
                graph = self._graphs[number] = await self._directory.graph(number)
            except (KeyError, TypeError, ValueError) as error:
                raise DefinitionError(f"definition number {number} cannot be read by this build: {error}") from error
        return graph
