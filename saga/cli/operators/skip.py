"""`saga skip`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.inspection.actions.request import ActionRequest


def skip(
    saga: SagaReference,
    step: Annotated[str, Parameter(help="The quarantined step.")],
    /,
    *,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Go on without a quarantined step after the pivot. The step has no effect, and no other step may read its result."""

    return run_action(Action(ActionRequest("skip", step), "skipped"), NO_FILTER.of(saga), by, store, as_json=json)
