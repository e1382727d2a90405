"""Acting on a saga: the plan first, then the action, on exactly the plan that was approved."""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from saga.api.calls.answers import Document, Text, now_of
from saga.api.calls.reading import shown
from saga.api.disclosure import Reader
from saga.api.problems import PLAN_NEEDED, Problem
from saga.client import StoreSagas
from saga.inspection.actions.request import ActionRequest, Evidence
from saga.inspection.documents import audit_document
from saga.operations import By
from saga.ports.values.audit import AuditFilter

REASON_CHARS_MAX: Final = 500


class Acting(BaseModel):
    """An action. `reason` goes into the audit."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    reason: Text = Field(min_length=1, max_length=REASON_CHARS_MAX, description="Why; it is recorded in the audit.")
    step: Text | None = Field(default=None, max_length=200, description="The step, where the action is for one.")
    evidence: Evidence | None = Field(default=None, description="Only for resolve: what is known about the effect.")


class Approval(NamedTuple):
    """The approval that a client sends along with an action.

    `plan`: the digest of the plan that it approves, or `*`. `request`: an id that it has made for this request; a repeat gets the first
    answer. `way_out`: how a plan is approved, as this client has to write it.
    """

    plan: str | None
    request: str | None
    way_out: str


async def audit_page(sagas: StoreSagas, saga: UUID, before: int | None, limit: int) -> Document:
    """Lists what operators did to a saga, newest first. Raises NotFound."""
    graph = (await sagas.detail(saga)).graph
    lines = await sagas.process.ledger.audits(AuditFilter(saga=saga, before=before, limit=limit))
    found = {"now": now_of(sagas), "saga": str(saga), "audit": [audit_document(line, graph) for line in lines]}
    return found | {"next": lines[-1].id if len(lines) == limit else None}


async def planned(sagas: StoreSagas, saga: UUID, wanted: ActionRequest) -> Document:
    """The plan of an action; nothing changes. Raises NotFound."""
    return {"now": now_of(sagas), "plan": (await sagas.operations.plan(saga, wanted)).document()}


async def acted(
    sagas: StoreSagas, saga: UUID, wanted: ActionRequest, reason: str, reader: Reader, approval: Approval
) -> tuple[Document, bool]:
    """Carries out an action. Returns the saga as it is then, and whether an earlier call with this request id has done it.

    Raises:
        Problem: the action cannot be taken back, and no plan was approved.
        NotFound, ActionRefused, PlanChanged, UsageError, Unavailable: as `Operations.act`.
    """
    if approval.plan is None and wanted.is_grave:
        plan = (await sagas.operations.plan(saga, wanted)).document()
        why = f"{wanted.action} cannot be taken back: look at the plan, and {approval.way_out}"
        raise Problem(PLAN_NEEDED, why, {"plan": plan})
    principal = reader.principal
    by = By(principal.name, reason, principal.how, principal.address, approval.request)
    done = await sagas.operations.act(saga, wanted, by, expected_plan=approval.plan)
    detail = await sagas.detail(saga)
    return await shown(detail, ("why", "steps"), reader), done.is_replayed
