"""The actions that an operator can take on a saga now, and why not the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from saga.core.rules.retraction import may_be_retracted
from saga.core.state.letters import QUARANTINED_LETTERS
from saga.core.state.phase import Phase
from saga.inspection.actions.basis import Basis, basis_of
from saga.inspection.actions.dry_decision import decide_dry
from saga.inspection.actions.request import EVIDENCE, ActionName, ActionRequest
from saga.ports.saga_detail import SagaDetail

STEPS_MAX: Final = 20
"""Maximum number of quarantined steps whose actions are listed, and of steps that can be undone alone."""


def allowed(detail: SagaDetail) -> list[dict[str, Any]]:
    """Lists every action with `ok`, or with `why_not`: the reason that the state of the saga gives, from a dry decision.

    Retry, skip and resolve are listed for each quarantined step. While there is none, only retry is listed, as refused. To undo a single
    step is listed only for the steps of which that is possible.
    """
    basis = basis_of(detail)
    found = [_document(request, decide_dry(basis, request).refusal) for request in _requests(detail)]
    return [*found, *islice(_undoable(detail, basis), STEPS_MAX)]


def _undoable(detail: SagaDetail, basis: Basis) -> Iterator[dict[str, Any]]:
    if detail.state.phase is Phase.RUNNING:
        for step, planned in enumerate(detail.graph.steps):
            request = ActionRequest("undo step", planned.name)
            if may_be_retracted(detail.graph, detail.state.vector, step) and not decide_dry(basis, request).refusal:
                yield _document(request, None)


def _document(request: ActionRequest, refusal: str | None) -> dict[str, Any]:
    return {
        "action": request.action,
        "step": request.step,
        "evidence": request.evidence,
        "is_grave": request.is_grave,
        "ok": refusal is None,
        "why_not": refusal,
    }


def _requests(detail: SagaDetail) -> Iterator[ActionRequest]:
    whole: tuple[ActionName, ...] = ("roll back", "pause", "resume", "retry", "abandon")
    for action in whole:
        yield ActionRequest(action)
    vector, steps = detail.state.vector, detail.graph.steps
    stuck = (step.name for step, letter in zip(steps, vector, strict=True) if letter in QUARANTINED_LETTERS)
    for name in islice(stuck, STEPS_MAX):
        yield ActionRequest("retry", name)
        yield ActionRequest("skip", name)
        for evidence in EVIDENCE:
            yield ActionRequest("resolve", name, evidence)
