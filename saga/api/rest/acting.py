"""Acting on a saga: the plan first, then the action, on exactly the plan that was approved."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Header, Query, Request, Response

from saga.api.calls.acting import Acting, Approval, acted, audit_page, planned
from saga.api.calls.answers import Text, now_of
from saga.api.calls.reading import PAGE
from saga.api.disclosure import reader_of
from saga.api.principals import ROLES
from saga.api.problems import USAGE, Problem
from saga.api.rest.reading import Limit
from saga.api.rest.routes import Connected, Routes, SagaId, answer
from saga.inspection.actions.request import ActionName, ActionRequest
from saga.inspection.documents import audit_document
from saga.operations import ANY_PLAN
from saga.ports.values.audit import AuditFilter

_SUMMARIES: Final[dict[ActionName, str]] = {
    "roll back": "Request a rollback; it is refused once the pivot has passed",
    "pause": "Pause a saga: nothing new is dispatched; deadlines still apply",
    "resume": "Resume a paused saga",
    "retry": "Retry a quarantined step, or all of them",
    "skip": "Go on without a quarantined step after the pivot",
    "resolve": "Settle a quarantined step by what is known about its effect",
    "undo step": "Undo one step while the saga goes on",
    "abandon": "Give up a saga for good; this cannot be undone",
}
_ETAG: Final = re.compile(r'(?:W/)?"([0-9a-f]+)"')

routes: Final = Routes("actions")


DryRun = Annotated[bool, Query(description="Answer with the plan, and change nothing.")]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The digest of the approved plan, quoted, or `*`.")
]
RequestId = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=200, description="A repeat with it gets the first answer.")
]


def _add(action: ActionName) -> None:
    async def act(  # noqa: PLR0913, PLR0917 (what a request has)
        request: Request,
        sagas: Connected,
        saga: SagaId,
        acting: Acting,
        dry_run: DryRun = False,  # noqa: FBT002 (a parameter of the URL)
        if_match: IfMatch = None,
        idempotency_key: RequestId = None,
    ) -> Response:
        wanted = ActionRequest(action, acting.step, acting.evidence)
        if dry_run:
            plan = await planned(sagas, saga, wanted)
            return answer(request, plan, headers={"ETag": f'"{plan["plan"]["digest"]}"'})
        approval = Approval(_digest_in(if_match), idempotency_key, "send its digest as If-Match")
        found, is_replayed = await acted(sagas, saga, wanted, acting.reason, reader_of(request), approval)
        return answer(request, found, headers={"Idempotent-Replayed": "true"} if is_replayed else {})

    act.__name__ = action.replace(" ", "_") + "_saga"
    path = "/sagas/{ref}/" + action.replace(" ", "")
    routes.post(path, ROLES[action], summary=_SUMMARIES[action])(act)


for _action in ROLES:
    _add(_action)


@routes.get("/sagas/{ref}/audit", summary="What operators did to a saga, newest first")
async def get_saga_audit(
    request: Request, sagas: Connected, saga: SagaId, before: int | None = None, limit: Limit = PAGE
) -> Response:
    return answer(request, await audit_page(sagas, saga, before, limit))


@routes.get("/audit", summary="What operators did, newest first")
async def list_audit(
    request: Request, sagas: Connected, actor: Text | None = None, before: int | None = None, limit: Limit = PAGE
) -> Response:
    lines = await sagas.process.ledger.audits(AuditFilter(actor=actor, before=before, limit=limit))
    found = {"now": now_of(sagas), "audit": [audit_document(line) for line in lines]}
    return answer(request, found | {"next": lines[-1].id if len(lines) == limit else None})


def _digest_in(if_match: str | None) -> str | None:
    if if_match is None or if_match.strip() == ANY_PLAN:
        return if_match and ANY_PLAN
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Problem(USAGE, 'If-Match is the digest of a plan in quotation marks, or *: If-Match: "3f2a..."')
    return found[1]
