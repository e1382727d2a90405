"""The actions on one saga: which there are, why others are not, and the plan of the one that was chosen, before it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast
from uuid import uuid4

from saga.api.calls.acting import REASON_CHARS_MAX
from saga.api.principals import ROLES, Principal
from saga.api.ui.pages.sagas import path_of
from saga.core.definition.json_value import Json
from saga.inspection.actions.allowed import allowed
from saga.inspection.actions.basis import basis_of
from saga.inspection.actions.plan import plan_of
from saga.inspection.actions.request import ActionName, ActionRequest, Evidence
from saga.inspection.rollback_preview import UndoAction
from saga.ports.saga_detail import SagaDetail

_LABELS: Final = {
    "roll back": "Roll back…", "pause": "Pause…", "resume": "Resume…", "abandon": "Abandon…",
    "retry": "Retry {step}", "skip": "Skip {step}…",
    "happened": "{step} happened…", "did-not-happen": "{step} did not happen…", "compensated": "{step} is undone…",
}  # fmt: skip
_BUTTONS: Final = {"roll back": "Roll back", "resolve": "Record it", "retry": "Retry"}


def request_from(parameters: Mapping[str, str]) -> ActionRequest | None:
    """The action that a link or a form names; None if it names none. Raises UsageError."""
    action = parameters.get("action")
    if not action:
        return None
    evidence = parameters.get("evidence") or None
    return ActionRequest(cast("ActionName", action), parameters.get("step") or None, cast("Evidence | None", evidence))


def panel(detail: SagaDetail, principal: Principal, chosen: ActionRequest | None, fault: str = "") -> dict[str, Json]:
    """The values of the panel. `chosen`: the action whose plan is shown; `fault`: why it was not carried out."""
    found = [_choice(document, principal) for document in allowed(detail)]
    by_step = any(choice["action"] == "retry" and choice["step"] for choice in found)
    shown = [choice for choice in found if not (by_step and choice["action"] == "retry" and not choice["step"])]
    return {
        "possible": _ordered([choice for choice in shown if choice["ok"]]),
        "impossible": [choice for choice in shown if not choice["ok"]],
        "plan": None if chosen is None else _plan(detail, principal, chosen),
        "fault": fault,
        "reason_max": REASON_CHARS_MAX,
    }


def _ordered(choices: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    """Puts first what helps a stuck step, and last what cannot be taken back."""
    return sorted(choices, key=lambda choice: (choice["action"] == "abandon", choice["action"] != "retry"))


def _choice(document: dict[str, Json], principal: Principal) -> dict[str, Json]:
    action, step, evidence = document["action"], document["step"], document["evidence"]
    needed = ROLES[action]
    why_not = document["why_not"]
    if document["ok"] and not principal.role.may(needed):
        why_not = f"it needs the role {needed.value}, and you have the role {principal.role.value}"
    return {
        **document,
        "ok": why_not is None,
        "why_not": why_not,
        "label": _LABELS[evidence or action].format(step=step or "").strip(),
        "path": f"{path_of(**_named(action, step, evidence))}#actions",
    }


def _named(action: str, step: str | None, evidence: str | None) -> dict[str, str | None]:
    return {"action": action, "step": step, "evidence": evidence}


def _plan(detail: SagaDetail, principal: Principal, chosen: ActionRequest) -> dict[str, Json]:
    document = plan_of(basis_of(detail), chosen).document()
    needed = ROLES[chosen.action]
    return {
        **document,
        **_named(chosen.action, chosen.step, chosen.evidence),
        "refusal": document["refusal"] if principal.role.may(needed) else f"it needs the role {needed.value}",
        "words": chosen.words,
        "kept": [name for name in document["kept"] if not detail.graph.steps[detail.graph.position(name)].read_only],
        "stages": [
            [{**undo, "words": UndoAction[undo["undo"].upper()].value} for undo in stage]
            for stage in document["stages"]
        ],
        "button": _BUTTONS.get(chosen.action, chosen.action.capitalize()),
        "is_grave": chosen.is_grave,
        "request": str(uuid4()),
    }
