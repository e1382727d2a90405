"""Carries out the action that a reader has confirmed on the page of a saga."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request

from saga.api.calls.acting import REASON_CHARS_MAX
from saga.api.principals import ROLES, principal_of, requires
from saga.api.problems import problem_of
from saga.api.ui.forms import fields_of
from saga.api.ui.page_router import Forward, Pages
from saga.api.ui.pages.actions_panel import request_from
from saga.api.ui.pages.one_saga import saga_view
from saga.api.ui.rendering import View
from saga.client import StoreSagas
from saga.errors import ActionRefused, PlanChanged, UsageError
from saga.inspection.actions.request import ActionRequest
from saga.inspection.references import find_saga
from saga.operations import By


def add_to(pages: Pages) -> None:
    @pages.form("/sagas/{ref}")
    async def act(request: Request, sagas: StoreSagas) -> View:
        fields = await fields_of(request)
        chosen = request_from(fields)
        if chosen is None:
            raise UsageError("the form names no action")
        await requires(ROLES[chosen.action])(request)
        saga = await find_saga(sagas.adapter, request.path_params["ref"])
        try:
            await sagas.operations.act(saga, chosen, _by(request, fields), expected_plan=fields.get("plan", ""))
        except (ActionRefused, PlanChanged) as error:
            view = await saga_view(request, sagas, await sagas.detail(saga), chosen, str(error))
            return view._replace(status=problem_of(error).kind.status)
        raise Forward(f"sagas/{saga}?done={_done(chosen)}")


def _done(chosen: ActionRequest) -> str:
    return chosen.action.replace(" ", "+")


def _by(request: Request, fields: Mapping[str, str]) -> By:
    """The reader, with the reason of the form. Raises UsageError."""
    reason = fields.get("reason", "").strip()
    if not 1 <= len(reason) <= REASON_CHARS_MAX:
        raise UsageError(f"a reason has 1 to {REASON_CHARS_MAX} characters: it is kept in the audit")
    principal = principal_of(request)
    return By(principal.name, reason, principal.how, principal.address, fields.get("request") or None)
