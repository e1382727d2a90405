"""The contracts that a definition relies on: published, fitting, and still what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from saga.core.check.finding import Code, Finding, error, warning
from saga.core.check.place import step_place
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.outline import Outline, StepOutline, is_read_only
from saga.core.nearest import did_you_mean
from saga.core.state.mode import Mode


def check_frozen(graph: Graph, contracts: Mapping[str, Contract]) -> tuple[Finding, ...]:
    """Finds where the services no longer offer what a definition was frozen with."""
    title = f"{graph.name} v{graph.version}"
    found: list[Finding] = []
    for step in graph.steps:
        if step.mode is Mode.ENGINE:
            continue
        place = f"{title}, step {step.name}"
        contract = contracts.get(f"{step.service}.{step.handler}")
        if contract is None:
            found.append(_contract_missing(place, step.service, step.handler, contracts))
            continue
        changes = [
            (contract.mode is not step.mode, f"it is {_word(contract.mode)} now, and was {_word(step.mode)}"),
            (step.compensation and not contract.has_compensation, "its compensation is gone"),
            (step.probe and not contract.has_probe, "its probe is gone"),
        ]
        remedy = f"Put it back in service {step.service}, or register a new version of {graph.name}."
        found.extend(
            error(Code.CONTRACT_CHANGED, place, f"{reason}.", remedy) for changed, reason in changes if changed
        )
    return tuple(found)


def contract_findings(outline: Outline, step: StepOutline, contracts: Mapping[str, Contract]) -> Iterator[Finding]:
    place = step_place(outline, step)
    contract = contracts.get(step.contract_name)
    if contract is None:
        yield _contract_missing(place, step.service, step.handler, contracts)
        return
    if contract.has_compensation and is_read_only(step, contract):
        reason = "It is read-only, and its service has a compensation for it, which is never called."
        yield error(Code.READ_ONLY_COMPENSATED, place, reason, "Remove read_only or the compensation.")
    if contract.has_probe and contract.mode is not Mode.EXTERNAL:
        reason = f"It is {_word(contract.mode)} and has a probe, which is never called."
        yield warning(Code.PROBE_WITHOUT_USE, place, reason, "Remove the probe, or set external=True.")


def _contract_missing(place: str, service: str, handler: str, contracts: Mapping[str, Contract]) -> Finding:
    name = f"{service}.{handler}"
    reason = f"No participant has published a contract for {name}."
    remedy = (
        did_you_mean(name, contracts)
        or f"Start service {service} with a handler called {handler}, or correct the name."
    )
    return error(Code.CONTRACT_MISSING, place, reason, remedy)


def _word(mode: Mode) -> str:
    return mode.name.lower()
