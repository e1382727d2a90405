"""The check that a definition must pass before a saga may run on it: at registration, never at run time."""

from __future__ import annotations

from collections.abc import Mapping

from saga.core.check.branches import branch_findings
from saga.core.check.compensations import compensation_findings, pivot_findings
from saga.core.check.contracts import contract_findings
from saga.core.check.edges import edge_findings, reading_findings
from saga.core.check.finding import Code, Finding, Severity, refuse_errors
from saga.core.check.inputs import input_findings
from saga.core.check.limits import definition_findings, size_findings, step_findings
from saga.core.check.place import title
from saga.core.check.waits import order_findings, wait_findings
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.outline import Outline, freeze


def check(outline: Outline, contracts: Mapping[str, Contract]) -> tuple[Finding, ...]:
    """Finds everything that makes an outline unsafe; contracts are looked up as "service.handler"."""
    found = list(definition_findings(outline))
    for step in outline.calls:
        found.extend(step_findings(outline, step))
        found.extend(contract_findings(outline, step, contracts))
    found.extend(wait_findings(outline))
    found.extend(edge_findings(outline))
    templates_hold = not any(finding.code is Code.TEMPLATE_INVALID for finding in found)
    if templates_hold and not outline.order.cycles:
        found.extend(reading_findings(outline))
        found.extend(branch_findings(outline, contracts))
        found.extend(order_findings(outline))
        found.extend(pivot_findings(outline))
        found.extend(compensation_findings(outline, contracts))
        found.extend(input_findings(outline, contracts))
    if not any(finding.severity is Severity.ERROR for finding in found):
        found.extend(size_findings(outline, contracts))
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.WARNING))


def accept(outline: Outline, contracts: Mapping[str, Contract]) -> Graph:
    """Freezes an outline without errors.

    Raises:
        DefinitionError: with all findings, the warnings included.
    """
    refuse_errors(f"definition {title(outline)} cannot be accepted", check(outline, contracts))
    return freeze(outline, contracts)
