"""Acting on a saga: the plan first, then the action, on exactly the plan that was approved."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final
from uuid import UUID

from fastapi import Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from saga.api.disclosure import shown_to
from saga.api.principals import ROLES, Principal, principal_of
from saga.api.problems import PLAN_NEEDED, USAGE, Problem
from saga.api.rest.reading import PAGE, Limit
from saga.api.rest.routes import Connected, Document, Routes, SagaId, Text, answer, now_of
from saga.client import StoreSagas
from saga.inspection.actions.request import ActionName, ActionRequest, Evidence
from saga.inspection.documents import audit_document, saga_document
from saga.inspection.instants import Instant
from saga.operations import ANY_PLAN, By
from saga.ports.values.audit import AuditFilter

REASON_CHARS_MAX: Final = 500
_SUMMARIES: Final[dict[ActionName, str]] = {
    "roll back": "Request a rollback; it is refused once the pivot has passed",
    "pause": "Pause a saga: nothing new is dispatched; deadlines still apply",
    "resume": "Resume a paused saga",
    "retry": "Retry a quarantined step, or all of them",
    "skip": "Go on without a quarantined step after the pivot",
    "resolve": "Settle a quarantined step by what is known about its effect",
    "abandon": "Give up a saga for good; this cannot be undone",
}
_ETAG: Final = re.compile(r'(?:W/)?"([0-9a-f]+)"')

routes: Final = Routes("actions")


class Acting(BaseModel):
    """An action. `reason` goes into the audit."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    reason: Text = Field(min_length=1, max_length=REASON_CHARS_MAX, description="Why; it is recorded in the audit.")
    step: Text | None = Field(
        default=None, max_length=200, description="The quarantined step, where the action is for one."
    )
    evidence: Evidence | None = Field(default=None, description="Only for resolve: what is known about the effect.")


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
            plan = (await sagas.operations.plan(saga, wanted)).document()
            return answer(request, {"now": now_of(sagas), "plan": plan}, headers={"ETag": f'"{plan["digest"]}"'})
        expected = _digest_in(if_match)
        if expected is None and wanted.is_grave:
            plan = (await sagas.operations.plan(saga, wanted)).document()
            detail = f"{action} cannot be taken back: look at the plan, and send its digest as If-Match"
            raise Problem(PLAN_NEEDED, detail, {"plan": plan})
        by = _by(principal_of(request), acting.reason, idempotency_key)
        acted = await sagas.operations.act(saga, wanted, by, expected_plan=expected)
        headers = {"Idempotent-Replayed": "true"} if acted.is_replayed else {}
        return answer(request, await _after(request, sagas, saga), headers=headers)

    act.__name__ = action.replace(" ", "_") + "_saga"
    path = "/sagas/{ref}/" + action.replace(" ", "")
    routes.post(path, ROLES[action], summary=_SUMMARIES[action])(act)


for _action in ROLES:
    _add(_action)


@routes.get("/sagas/{ref}/audit", summary="What operators did to a saga, newest first")
async def get_saga_audit(
    request: Request, sagas: Connected, saga: SagaId, before: int | None = None, limit: Limit = PAGE
) -> Response:
    graph = (await sagas.detail(saga)).graph
    lines = await sagas.process.ledger.audits(AuditFilter(saga=saga, before=before, limit=limit))
    found = {"now": now_of(sagas), "saga": str(saga), "audit": [audit_document(line, graph) for line in lines]}
    return answer(request, found | {"next": lines[-1].id if len(lines) == limit else None})


@routes.get("/audit", summary="What operators did, newest first")
async def list_audit(
    request: Request, sagas: Connected, actor: Text | None = None, before: int | None = None, limit: Limit = PAGE
) -> Response:
    lines = await sagas.process.ledger.audits(AuditFilter(actor=actor, before=before, limit=limit))
    found = {"now": now_of(sagas), "audit": [audit_document(line) for line in lines]}
    return answer(request, found | {"next": lines[-1].id if len(lines) == limit else None})


async def _after(request: Request, sagas: StoreSagas, saga: UUID) -> Document:
    detail = await sagas.detail(saga)
    shown = await shown_to(request, detail)
    return {"now": Instant(detail.now), **saga_document(detail, ("why", "steps"), shown=shown)}


def _by(principal: Principal, reason: str, request: str | None) -> By:
    return By(principal.name, reason, authenticated=principal.how, address=principal.address, request=request)


def _digest_in(if_match: str | None) -> str | None:
    if if_match is None or if_match.strip() == ANY_PLAN:
        return if_match and ANY_PLAN
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Problem(USAGE, 'If-Match is the digest of a plan in quotation marks, or *: If-Match: "3f2a..."')
    return found[1]
