"""The plan of an action: what it changes, undoes, leaves and calls, with a digest by which it is approved."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.state.phase import Phase
from saga.inspection.actions.basis import Basis
from saga.inspection.actions.dry_decision import DryDecision, decide_dry
from saga.inspection.actions.request import ActionRequest
from saga.inspection.plans import changes, remaining_effects
from saga.inspection.rollback_preview import PlannedUndo, RollbackPreview, UndoAction, preview_rollback, preview_undo
from saga.inspection.wording import letter_word

_GIVEN_UP = (Phase.ABANDONING, Phase.ABANDONED)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that an action makes to a saga, without payloads.

    `refusal`: why it is refused; then the rest is empty. `stages`: the order of undoing, stage by stage, the steps of a stage in
    parallel. `kept`: steps that happened and cannot be undone. `residue`: what an abandoned saga leaves behind. `calls`: how many steps
    of each service it calls.
    """

    saga: UUID
    graph: Graph
    request: ActionRequest
    refusal: str | None
    changes: tuple[str, ...] = ()
    stages: tuple[tuple[PlannedUndo, ...], ...] = ()
    kept: tuple[str, ...] = ()
    residue: tuple[str, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan as canonical JSON, in hex: the same as long as the action does the same."""
        return _digest(self._facts())

    def document(self) -> dict[str, Any]:
        """The plan as JSON, with its digest."""
        facts = self._facts()
        return facts | {"digest": _digest(facts)}

    def _facts(self) -> dict[str, Any]:
        return {
            "saga": str(self.saga),
            "action": self.request.words,
            "step": self.request.step,
            "refusal": self.refusal,
            "changes": list(self.changes),
            "stages": [[self._undo(each) for each in stage] for stage in self.stages],
            "kept": list(self.kept),
            "residue": list(self.residue),
            "calls": dict(self.calls),
        }

    def _undo(self, each: PlannedUndo) -> dict[str, Any]:
        step = self.graph.steps[each.step]
        return {
            "step": step.name,
            "service": step.service,
            "state": letter_word(each.letter),
            "undo": each.undo.name.lower(),
        }


def plan_of(basis: Basis, request: ActionRequest) -> Plan:
    """Plans an action by a dry decision."""
    return plan_of_decision(basis, request, decide_dry(basis, request))


def plan_of_decision(basis: Basis, request: ActionRequest, decision: DryDecision) -> Plan:
    """The same for a decision that was made already."""
    if decision.refusal is not None:
        return Plan(basis.saga, basis.graph, request, decision.refusal)
    graph, after = basis.graph, decision.state
    undone = _undoing(basis, request, decision)
    stages = () if undone is None else undone.stages
    kept = () if undone is None else (each.step for each in undone.untouched if each.undo is UndoAction.KEEP)
    return Plan(
        saga=basis.saga,
        graph=graph,
        request=request,
        refusal=None,
        changes=tuple(changes(graph, basis.state, after)),
        stages=stages,
        kept=tuple(graph.steps[step].name for step in kept),
        residue=tuple(remaining_effects(graph, after.vector)) if after.phase in _GIVEN_UP else (),
        calls=_calls(graph, decision, undone),
    )


def _undoing(basis: Basis, request: ActionRequest, decision: DryDecision) -> RollbackPreview | None:
    """The rollback that an action begins, or the undoing of one step; None if it begins neither."""
    if request.action == "roll back":
        return preview_rollback(basis.graph, basis.state, now=basis.now, unclaimed=basis.unclaimed)
    if request.action == "undo step" and decision.position is not None:
        return preview_undo(basis.graph, basis.state, decision.state, decision.position)
    begins = basis.state.phase is Phase.RUNNING and decision.state.phase is Phase.COMPENSATING
    return preview_rollback(basis.graph, decision.state, now=basis.now) if begins else None


def _calls(graph: Graph, decision: DryDecision, undone: RollbackPreview | None) -> dict[str, int]:
    if undone is None:
        called = [command.step for command in decision.commands]
    else:
        called = [each.step for stage in undone.stages for each in stage if each.undo is not UndoAction.AWAIT_PIVOT]
    return dict(sorted(Counter(graph.steps[step].service for step in called).items()))


def _digest(facts: Mapping[str, Any]) -> str:
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
