"""`saga resume`."""

from __future__ import annotations

from typing import Final

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER, AnySaga, Selection
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.inspection.actions.request import ActionRequest

_ACTION: Final = Action(ActionRequest("resume"), "resumed")


def resume(
    saga: AnySaga = None,
    /,
    *,
    which: Selection = NO_FILTER,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Resume a paused saga, or many."""
    return run_action(_ACTION, which.of(saga, paused=True), by, store, as_json=json)
