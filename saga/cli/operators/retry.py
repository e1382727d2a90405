"""`saga retry`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER, AnySaga, Selection
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.inspection.actions.request import ActionRequest


def retry(
    saga: AnySaga = None,
    step: Annotated[str | None, Parameter(help="Only this step; without it, all quarantined steps.")] = None,
    /,
    *,
    which: Selection = NO_FILTER,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Retry the quarantined steps of a saga, or of many."""

    action = Action(ActionRequest("retry", step), "retried")
    return run_action(action, which.of(saga, stuck=True), by, store, as_json=json)
