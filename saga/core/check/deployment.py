"""Compares a process with the definitions in use: it may lack a handler, a compensation or a probe that they need."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.step import Step
from saga.core.state.mode import Mode


def deployment_gaps(
    graphs: Sequence[Graph], services: Collection[str], contracts: Mapping[str, Contract], place: str = "this process"
) -> Iterator[str]:
    """Yields, for each step of these services that this process cannot run as its definition says, what it lacks.

    `contracts` are those of the process, by 'service.handler'. `place`: what the message names in place of the process.
    """
    for graph in graphs:
        for step in graph.steps:
            is_called = step.service in services and step.mode is not Mode.ENGINE
            if is_called and (gap := _gap(step, contracts.get(f"{step.service}.{step.handler}"), place)):
                yield f"{graph.name} v{graph.version}, step {step.name}: {gap}"


def _gap(step: Step, contract: Contract | None, place: str) -> str | None:
    name = f"{step.service}.{step.handler}"
    if contract is None:
        return f"no handler {name} in {place}"
    if contract.mode is not step.mode:
        return f"{name} is {contract.mode.name.lower()} in {place}, and {step.mode.name.lower()} in the definition"
    if step.compensation and not contract.has_compensation:
        return f"{name} has no compensation in {place}"
    if step.probe and not contract.has_probe:
        return f"{name} has no probe in {place}"
    return None
