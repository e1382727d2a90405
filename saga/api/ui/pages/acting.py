"""Carries out the action that a reader has confirmed on the page of a saga, or sends the event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from fastapi import Request

from saga.api.calls.acting import REASON_CHARS_MAX
from saga.api.calls.revealing import Revealing, reveal
from saga.api.disclosure import reader_of
from saga.api.principals import ROLES, Role, principal_of, requires
from saga.api.problems import Problem, problem_of
from saga.api.rest.revealing import requires_right
from saga.api.ui.forms import fields_of, json_in
from saga.api.ui.page_router import Forward, Pages
from saga.api.ui.pages.actions_panel import Chosen, chosen_from, path_in
from saga.api.ui.pages.one_saga import saga_view
from saga.api.ui.pages.sagas import path_of
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.errors import ActionRefused, Conflict, InputRefused, PlanChanged, SagaError, UsageError
from saga.inspection.masking.hidden import path_words
from saga.inspection.references import find_saga
from saga.operations import By


def add_to(pages: Pages) -> None:
    @pages.form("/sagas/{ref}")
    async def act(request: Request, sagas: StoreSagas) -> View:
        fields = await fields_of(request)
        chosen = chosen_from(fields)
        if chosen.event is not None:
            return await _send(request, sagas, chosen, fields)
        if chosen.reveal is not None:
            return await _reveal(request, sagas, chosen.reveal, fields)
        if chosen.action is None:
            raise UsageError("the form names no action")
        await requires(ROLES[chosen.action.action])(request)
        saga = await find_saga(sagas.adapter, request.path_params["ref"])
        try:
            await sagas.operations.act(saga, chosen.action, _by(request, fields), expected_plan=fields.get("plan", ""))
        except (ActionRefused, PlanChanged) as error:
            return await _refused(request, sagas, saga, chosen, error)
        raise Forward(f"sagas/{saga}{path_of(done=chosen.action.action)}")


async def _reveal(request: Request, sagas: StoreSagas, path: str, fields: Mapping[str, str]) -> View:
    """The page that shows the value of a hidden field, once. It is the answer to the form: no address leads to it."""
    place = path_in(path)
    await requires_right(request, json.dumps({"path": place, "reason": fields.get("reason", "").strip()}))
    saga = await find_saga(sagas.adapter, request.path_params["ref"])
    wanted = Revealing(path=place, reason=_by(request, fields).reason)
    found = await reveal(sagas, saga, wanted, reader_of(request), fields.get("request") or None)
    words = path_words(wanted.path)
    values = {"words": words, "value": found["value"], "saga": str(saga)}
    return View("revealed.html", f"{words} revealed", "sagas", found["now"], values)


async def _send(request: Request, sagas: StoreSagas, chosen: Chosen, fields: Mapping[str, str]) -> View:
    """Sends an event. The form has made its id, so that sending the form twice sends one."""
    await requires(Role.STARTER)(request)
    saga = await find_saga(sagas.adapter, request.path_params["ref"])
    try:
        await sagas.send(
            saga, chosen.event or "", json_in(chosen.payload or "", "payload"), id=fields.get("id") or None
        )
    except (InputRefused, Conflict, UsageError, Problem) as error:
        return await _refused(request, sagas, saga, chosen, error)
    raise Forward(f"sagas/{saga}{path_of(done=f'send {chosen.event}')}")


async def _refused(request: Request, sagas: StoreSagas, saga: UUID, chosen: Chosen, error: SagaError | Problem) -> View:
    """The page of the saga as it is now, with the reason beside the form."""
    view = await saga_view(request, sagas, await sagas.detail(saga), chosen._replace(fault=str(error)))
    return view._replace(status=problem_of(error).kind.status)


def _by(request: Request, fields: Mapping[str, str]) -> By:
    """The reader, with the reason of the form. Raises UsageError."""
    reason = fields.get("reason", "").strip()
    if not 1 <= len(reason) <= REASON_CHARS_MAX:
        raise UsageError(f"a reason has 1 to {REASON_CHARS_MAX} characters: it is kept in the audit")
    principal = principal_of(request)
    return By(principal.name, reason, principal.how, principal.address, fields.get("request") or None)
