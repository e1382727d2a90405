"""`saga abandon`."""

from __future__ import annotations

from typing import Final

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.inspection.actions.request import ActionRequest

_ACTION: Final = Action(ActionRequest("abandon"), "abandoned", always_needs_yes=True)


def abandon(
    saga: SagaReference,
    /,
    *,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Give up a saga for good: freeze what can be frozen, and list the effects that remain. This cannot be undone."""
    return run_action(_ACTION, NO_FILTER.of(saga), by, store, as_json=json)
