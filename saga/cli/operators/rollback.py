"""`saga rollback`."""

from __future__ import annotations

from typing import Final

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER, AnySaga, Selection
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.inspection.actions.request import ActionRequest

_ACTION: Final = Action(ActionRequest("roll back"), "rolled back")


def rollback(
    saga: AnySaga = None,
    /,
    *,
    which: Selection = NO_FILTER,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Roll back a saga, or many. Refused once the pivot has passed.

    --dry-run shows the plan: which steps are compensated, in which order, with which inputs, and what cannot be undone.
    """
    return run_action(_ACTION, which.of(saga), by, store, as_json=json)
