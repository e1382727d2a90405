"""The directory port: the definitions and contracts of an installation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from saga.core.definition.contract import Contract
from saga.core.definition.difference import difference
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.nearest import did_you_mean
from saga.errors import Conflict


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

        The text from which it was read, and the schemas of its input and events, are kept beside it; later ones replace them.

        Raises:
            Conflict: the same name and version has another graph; `overwrite` replaces it if no saga runs on it.
        """

    async def activate(self, name: str, version: int) -> int | None:
        """Makes a start by name use this version from now on, also if it was used before. Returns the version that was used until now.

        Raises:
            NotFound: there is no such definition or version.
        """

    async def graph(self, definition: int) -> Graph:
        """Loads a definition by its number.

        Raises:
            NotFound: there is no such definition.
        """

    async def source(self, definition: int) -> str | None:
        """Returns the text from which a definition was read; None if it was written in Python, or there is no such definition."""

    async def in_use(self, services: Sequence[str]) -> list[Graph]:
        """Returns the definitions with a step of these services that a start by name gets, or that an unfinished saga runs on.

        Those that this build cannot read are left out.
        """

    async def forget(self, service: str, *, deactivate: bool) -> list[str]:
        """Deletes the contracts of a service that is gone for good. Publishing them again brings them back.

        `deactivate`: no start by name gets a definition with a step of it any more. Returns those definitions, as 'name v1'.

        Raises:
            Conflict: a live process serves it, an unfinished saga has a step of it, or (without `deactivate`) a start by name
                gets a definition with a step of it.
            NotFound: it has published no contract.
        """

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        """Finds a definition by name: this version, or (None) the newest activated one.

        Raises:
            NotFound: there is no such definition or version, or none is activated.
        """


def another_graph(holder: Graph, graph: Graph) -> Conflict:
    """The Conflict of `Directory.register`. `holder` has the name and the version."""
    changes = "; ".join(difference(holder, graph))
    return Conflict(
        f"definition {graph.name!r} version {graph.version} is registered with another graph ({changes}): "
        "give the new graph the next version"
    )


def unknown_service(service: str) -> str:
    """The message of the NotFound of `Directory.forget`."""
    return f"service {service!r} has published no contract: `saga doctor` names the services without a process"


def check_forgettable(service: str, *, processes: Sequence[str], sagas: int, definitions: Sequence[str]) -> None:
    """Raises the Conflict of `Directory.forget` if anything still needs the service; names everything that does."""
    reasons = list[str]()
    if processes:
        reasons.append(f"it is served by {', '.join(processes)}: stop them first")
    if sagas:
        reasons.append(f"{sagas} unfinished sagas have a step of it: wait for them, or roll them back or abandon them")
    if definitions:
        reasons.append(
            f"it has steps in {', '.join(definitions)}: add --deactivate, so that nobody starts these any more"
        )
    if reasons:
        raise Conflict(f"service {service!r} cannot be forgotten: {'; '.join(reasons)}")


def missing_definition(name: str, version: int | None, names: Collection[str]) -> str:
    """Says that a definition does not exist, with the nearest of the activated names, or else the way out."""
    what = (
        f"no activated version of definition {name!r}"
        if version is None
        else f"no definition {name!r} version {version}"
    )
    suggestion = "" if name in names else did_you_mean(name, names)
    return f"{what}. {suggestion or 'Start a process that registers it'}"
