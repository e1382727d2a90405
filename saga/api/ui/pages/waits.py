"""The page of what live sagas wait for, by the time at which it happens by itself."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from saga.api.ui.page_router import Pages
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.inspection.explanation import Situation
from saga.inspection.summaries.live_sagas import waiting_document

WAITS_SHOWN_MAX: Final = 200
_KINDS: Final = {
    Situation.PAUSED: "paused", Situation.QUARANTINED: "stuck", Situation.PAST_DEADLINE: "stuck",
    Situation.NOBODY_ALIVE: "stuck", Situation.RUNNING: "running", Situation.UNDOING: "compensating",
    Situation.RETRY_WAIT: "retry wait", Situation.UNCLAIMED: "unclaimed",
    Situation.RESOLVING: "resolving", Situation.VOIDING: "voiding", Situation.FREEZING: "frozen",
}  # fmt: skip


def add_to(pages: Pages) -> None:
    @pages.page("/waits")
    async def waits(_: Request, sagas: StoreSagas) -> View:
        found = await sagas.matches("-is:ended")
        keys = {str(detail.saga): detail.key for detail in found.details}
        rows = [_row(document, keys) for document in waiting_document(found.details, WAITS_SHOWN_MAX)]
        values = {"waits": rows, "total": len(found.details), "is_cut": not found.is_complete}
        return View("waits.html", "Waits", "waits", found.now, values)


def _row(document: dict[str, Json], keys: dict[str, str | None]) -> dict[str, Json]:
    """A row of the page. `mark`: the word whose icon and look it has."""
    situation = Situation(document["situation"])
    return {**document, "key": keys.get(document["saga"]), "mark": _KINDS.get(situation, "pending")}
