"""`saga pause`."""

from __future__ import annotations

from typing import Final

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER, AnySaga, Selection
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.inspection.actions.request import ActionRequest

_ACTION: Final = Action(ActionRequest("pause"), "paused")


def pause(
    saga: AnySaga = None,
    /,
    *,
    which: Selection = NO_FILTER,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Pause a saga, or many: nothing new is dispatched until `saga resume`. Deadlines still apply."""
    return run_action(_ACTION, which.of(saga, paused=False), by, store, as_json=json)
