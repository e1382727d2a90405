"""The page of what live sagas wait for, by the time at which it happens by itself. What needs a person has a page of its own."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import Request

from saga.api.ui.page_router import Pages
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.inspection.explanation import Situation
from saga.inspection.summaries.live_sagas import waiting_document
from saga.ports.listing import SagaFilter

WAITS_SHOWN_MAX: Final = 200
_KINDS: Final = {
    Situation.PAUSED: "paused", Situation.WAITING: "waiting", Situation.QUARANTINED: "stuck", Situation.PAST_DEADLINE: "stuck",
    Situation.NOBODY_ALIVE: "stuck", Situation.RUNNING: "running", Situation.UNDOING: "compensating",
    Situation.RETRY_WAIT: "retry wait", Situation.UNCLAIMED: "unclaimed",
    Situation.RESOLVING: "resolving", Situation.VOIDING: "voiding", Situation.FREEZING: "frozen",
}  # fmt: skip


def add_to(pages: Pages) -> None:
    @pages.page("/waits")
    async def waits(_: Request, sagas: StoreSagas) -> View:
        found = await sagas.matches("-is:ended -is:stuck")
        documents = waiting_document(found.details, WAITS_SHOWN_MAX)
        keys = await _keys(sagas, [UUID(document["saga"]) for document in documents])
        rows = [_row(document, keys) for document in documents]
        values = {"waits": rows, "total": len(found.details), "is_cut": not found.is_complete}
        return View("waits.html", "Waits", "waits", found.now, values)


async def _keys(sagas: StoreSagas, shown: list[UUID]) -> dict[str, str | None]:
    """The start keys of the sagas that are shown: a search does not read them."""
    wanted = SagaFilter(ids=frozenset(shown), limit=WAITS_SHOWN_MAX)
    return {str(line.saga): line.key for line in await sagas.listing.lines(wanted)} if shown else {}


def _row(document: dict[str, Json], keys: dict[str, str | None]) -> dict[str, Json]:
    """A row of the page. `mark`: the word whose icon and look it has."""
    situation = Situation(document["situation"])
    return {**document, "key": keys.get(document["saga"]), "mark": _KINDS.get(situation, "pending")}
