"""The actions on one saga: which there are, why others are not, and the plan of the one that was chosen, before it is confirmed.

Beside them the events for which the saga waits: a reader may send one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, NamedTuple, cast
from uuid import uuid4

from pydantic import Field, TypeAdapter, ValidationError

from saga.api.calls.acting import REASON_CHARS_MAX
from saga.api.calls.revealing import PATH_SEGMENTS_MAX, REVEALER
from saga.api.principals import ROLES, Principal, Role
from saga.api.ui.pages.sagas import path_of
from saga.core.definition.json_value import Json
from saga.core.definition.step import Wait
from saga.core.state.letters import DISPATCHED
from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.inspection.actions.allowed import allowed
from saga.inspection.actions.basis import basis_of
from saga.inspection.actions.plan import plan_of
from saga.inspection.actions.request import ActionName, ActionRequest, Evidence
from saga.inspection.example_input import example_input
from saga.inspection.masking.hidden import path_words
from saga.inspection.rollback_preview import UndoAction
from saga.ports.saga_detail import SagaDetail

_LABELS: Final = {
    "roll back": "Roll back…", "pause": "Pause…", "resume": "Resume…", "abandon": "Abandon…",
    "retry": "Retry {step}", "skip": "Skip {step}…", "undo step": "Undo {step}…",
    "happened": "{step} happened…", "did-not-happen": "{step} did not happen…", "compensated": "{step} is undone…",
}  # fmt: skip
_PATH: Final = TypeAdapter(Annotated[list[str | int], Field(min_length=1, max_length=PATH_SEGMENTS_MAX)])
_BUTTONS: Final = {"roll back": "Roll back", "undo step": "Undo the step", "resolve": "Record it", "retry": "Retry"}


class Chosen(NamedTuple):
    """The choice of a reader: an action, an event to send, whose `payload` is JSON, or the hidden field to `reveal`, a path as JSON.

    `fault`: why it was not done.
    """

    action: ActionRequest | None = None
    event: str | None = None
    payload: str | None = None
    reveal: str | None = None
    fault: str = ""


def chosen_from(parameters: Mapping[str, str]) -> Chosen:
    """The choice that a link or a form names. Raises UsageError."""
    event, reveal = parameters.get("event") or None, parameters.get("reveal") or None
    return Chosen(request_from(parameters), event, parameters.get("payload"), reveal)


def request_from(parameters: Mapping[str, str]) -> ActionRequest | None:
    """The action that a link or a form names; None if it names none. Raises UsageError."""
    action = parameters.get("action")
    if not action:
        return None
    evidence = parameters.get("evidence") or None
    return ActionRequest(cast("ActionName", action), parameters.get("step") or None, cast("Evidence | None", evidence))


def panel(detail: SagaDetail, principal: Principal, chosen: Chosen) -> dict[str, Json]:
    """The values of the panel. `chosen`: the action whose plan is shown, or the event whose form is."""
    found = [_choice(document, principal) for document in allowed(detail)]
    by_step = any(choice["action"] == "retry" and choice["step"] for choice in found)
    shown = [choice for choice in found if not (by_step and choice["action"] == "retry" and not choice["step"])]
    single = [choice for choice in shown if choice["action"] == "undo step"]
    whole = [choice for choice in shown if choice["action"] != "undo step"]
    may_send = principal.role.may(Role.STARTER)
    return {
        "possible": _ordered([choice for choice in whole if choice["ok"]]),
        "single": [choice for choice in single if choice["ok"] and _has_effect(detail, choice["step"])],
        "impossible": [choice for choice in whole if not choice["ok"]],
        "events": [{"name": name, "path": f"{path_of(event=name)}#payload"} for name in awaited(detail) if may_send],
        "plan": None if chosen.action is None else _plan(detail, principal, chosen.action),
        "message": _message(detail, chosen.event, chosen.payload) if chosen.event and may_send else None,
        "reveal": _reveal(chosen.reveal, principal) if chosen.reveal else None,
        "fault": chosen.fault,
        "reason_max": REASON_CHARS_MAX,
    }


def _has_effect(detail: SagaDetail, step: str | None) -> bool:
    """Tells whether undoing a step alone changes anything outside of Saga."""
    return step is not None and not detail.graph.steps[detail.graph.position(step)].read_only


def _reveal(path: str, principal: Principal) -> dict[str, Json]:
    """The values of the form that reveals a field."""
    refusal = None if principal.role.may(REVEALER) else f"it needs the role {REVEALER.value}"
    return {"path": path, "words": path_words(path_in(path)), "refusal": refusal, "request": str(uuid4())}


def path_in(text: str) -> list[str | int]:
    """The path that a link or a form names. Raises UsageError."""
    try:
        return _PATH.validate_json(text)
    except ValidationError:
        raise UsageError("this is not the path of a field: take the link beside it on the page of its saga") from None


def awaited(detail: SagaDetail) -> list[str]:
    """The names of the events for which the saga waits now; those that cancel it come last."""
    waits = sorted(_waits(detail), key=lambda wait: wait.cancels)
    return list(dict.fromkeys(name for wait in waits for name in wait.names))


def _waits(detail: SagaDetail) -> Iterator[Wait]:
    if detail.state.phase is Phase.RUNNING:
        for step, letter in zip(detail.graph.steps, detail.state.vector, strict=True):
            if isinstance(step, Wait) and letter == DISPATCHED:
                yield step


def _message(detail: SagaDetail, name: str, payload: str | None) -> dict[str, Json]:
    """The values of the form that sends an event."""
    takers = [wait for wait in _waits(detail) if name in wait.names]
    example = example_input((detail.graph.event_schemas or {}).get(name) or {})
    return {
        "name": name,
        "payload": json.dumps(example, ensure_ascii=False, indent=2) if payload is None else payload,
        "takers": [wait.name for wait in takers if not wait.cancels],
        "cancels": any(wait.cancels for wait in takers),
        "id": str(uuid4()),
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
        "path": f"{path_of(**_named(action, step, evidence))}#reason",
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
