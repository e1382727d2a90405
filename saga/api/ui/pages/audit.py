"""The audit: what operators did or tried to do, newest first."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from saga.api.ui.forms import number_in
from saga.api.ui.page_router import Pages
from saga.api.ui.pages.sagas import path_of
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.core.text import shown_value
from saga.errors import UsageError
from saga.ports.values.audit import AuditFilter, AuditLine

PAGE: Final = 100


def add_to(pages: Pages) -> None:
    @pages.page("/audit")
    async def audit(request: Request, sagas: StoreSagas) -> View:
        actor = request.query_params.get("actor") or None
        wanted = AuditFilter(actor=actor, before=_id(request.query_params.get("before")), limit=PAGE + 1)
        lines = await sagas.adapter.ledger.audits(wanted)
        rows = audit_rows(lines[:PAGE])
        more = path_of(actor=actor, before=str(rows[-1]["id"])) if len(lines) > PAGE else None
        values = {"audit": rows, "actor": actor, "next_path": more, "with_saga": True}
        return View("audit.html", "Audit", "audit", sagas.process.store_clock.now(), values)


def audit_rows(lines: list[AuditLine]) -> list[dict[str, Json]]:
    """The lines as a table shows them."""
    return [
        {
            "id": line.id,
            "at": line.at,
            "saga": None if line.saga is None else str(line.saga),
            "actor": line.audit.action.actor,
            "action": line.audit.action.action,
            "reason": line.audit.action.reason or "",
            "refusal": line.audit.refusal,
            "authenticated": line.audit.action.authenticated,
            "address": line.audit.action.address,
            "plan": line.audit.action.plan,
        }
        for line in lines
    ]


def _id(text: str | None) -> int | None:
    if text is None:
        return None
    found = number_in(text)
    if found is None:
        raise UsageError(f"before={shown_value(text)} is not the number of a line of the audit")
    return found
