"""The rows of the protocol's transition table that a change of a saga's row takes, derived from what was committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.core.state.transitions import STEP_TRANSITIONS

BRANCH_ROWS: Final = (
    "E4h", "E5 skipped", "E5 pivot skipped", "E5 join met early", "E5 join short", "E5 check holds", "E5 check fails",
)  # fmt: skip
RETRACTION_ROWS: Final = ("E14", "E14r")
"""The rows that only worlds take in which single steps are undone."""
ROWS: Final = (
    "E1", "E2 admission", "E2-T", "E2-J", "E2-X", "E2-X probe", "E3", "E4", "E4b", "E5", "E6", "E7", "E8", "E9", "E10",
    "E10o", "E11", "E12", "E13", *BRANCH_ROWS,
)  # fmt: skip

_RULES: Final = {
    (transition.before, transition.after, transition.phase, mode): transition.rule
    for transition in STEP_TRANSITIONS
    for mode in transition.modes
}


_LIVE: Final = {
    Phase.COMPENSATED: Phase.COMPENSATING,
    Phase.ABANDONED: Phase.ABANDONING,
    Phase.COMPLETED: Phase.RUNNING,
}
"""The phase in which a saga was before it ended."""


def rows_of(graph: Graph, before: State, after: State, *, is_new: bool) -> Iterator[str]:
    """Yields the rows, one for each letter and phase that changed."""
    if is_new:
        yield "E1"
    is_passed = graph.pivot >= 0 and after.vector[graph.pivot] in "SN"
    for step, (old, new) in enumerate(zip(before.vector, after.vector, strict=True)):
        if old == "P" and new != "P":
            yield from _branches(graph, step, new, after.vector)
        if old != new:
            yield _row(graph, step, old, new, after.phase, is_passed=is_passed)
    if after.rollback_requested and not before.rollback_requested:
        yield "E6"
    if after.phase is before.phase:
        return
    if after.phase is Phase.COMPENSATING:
        yield "E6"
    elif after.phase is Phase.ABANDONING:
        yield "E13"
    if after.phase.is_terminal:
        yield "E12"


def _branches(graph: Graph, step: int, new: str, vector: str) -> Iterator[str]:
    """The rules of branches by which a pending step has got its letter."""
    this = graph.steps[step]
    is_check, befores = this.mode is Mode.ENGINE, [vector[before] for before in this.after]
    if new == "N":
        yield "E5 pivot skipped" if step == graph.pivot else "E5 skipped"
    elif new == "S" and is_check:
        yield "E5 check holds"
    elif new in "RH" and this.successes > befores.count("S"):
        yield "E5 join short"
    elif new == "R" and is_check:
        yield "E5 check fails"
    elif new == "D" and this.successes and not {*befores} <= {*"SNH"}:
        yield "E5 join met early"


def _row(graph: Graph, step: int, old: str, new: str, phase: Phase, *, is_passed: bool) -> str:
    if old in "DR" and new == "d" and is_passed:
        return "E4b"
    mode = graph.steps[step].mode.value
    phases = (_LIVE.get(phase, phase), Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING)
    rule = next((rule for each in phases if (rule := _RULES.get((old, new, each, mode)))), None)
    if rule is None:
        return _folded(old, new)
    row = rule.split()[0]
    return "E10o" if "operator" in rule else row


def _folded(old: str, new: str) -> str:
    """Returns the row of the last event, where one write has several."""
    return {"K": "E7", "Z": "E8", "S": "E3", "R": "E4", "V": "E6", "U": "E6", "u": "E10", "W": "E6", "G": "E13"}.get(
        new, f"{old}{new}"
    )
