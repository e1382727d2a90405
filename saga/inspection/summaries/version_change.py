"""The effect of going from one version of a definition to another, on sagas in flight and on the services. A pure function."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from saga.core.definition.difference import difference
from saga.core.definition.graph import Graph
from saga.core.definition.step import Call
from saga.inspection.documents import Document
from saga.ports.listing import DefinitionLine


def change_document(before: Graph, after: Graph, versions: Collection[DefinitionLine]) -> Document:
    """The difference of two versions, and its effect. `versions`: those of the definition, with the numbers of their live sagas.

    Sagas stay on the version with which they were started, so a new version changes none that is in flight.
    """
    live = {one.version: one.live for one in versions}
    default = next((one.version for one in versions if one.is_default), None)
    only_before = sorted(_handlers(before) - _handlers(after))
    return {
        "name": before.name,
        "from": before.version,
        "to": after.version,
        "changes": list(difference(before, after)),
        "live_sagas": {"from": live.get(before.version, 0), "to": live.get(after.version, 0)},
        "default": default,
        "only_from_needs": only_before,
        "effect": _effect(before, after, live, default, only_before),
    }


def _effect(
    before: Graph, after: Graph, live: Mapping[int, int], default: int | None, only_before: Collection[str]
) -> list[str]:
    """The effect in sentences."""
    found = []
    if running := live.get(before.version, 0):
        sagas = "1 saga" if running == 1 else f"{running} sagas"
        found.append(f"{sagas} in flight: on version {before.version} to the end, whatever is activated")
        if only_before:
            found.append(f"until then they need {', '.join(only_before)}, which version {after.version} does not")
    starts = f"version {default}" if default is not None else "no version"
    still = " already" if default == after.version else f"; version {after.version} once it is activated"
    return [*found, f"a start by name uses {starts}{still}"]


def _handlers(graph: Graph) -> set[str]:
    return {f"{step.service}.{step.handler}" for step in graph.steps if isinstance(step, Call)}
