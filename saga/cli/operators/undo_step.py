"""`saga undo-step`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.inspection.actions.request import ActionRequest


def undo_step(
    saga: SagaReference,
    step: Annotated[str, Parameter(help="The step: it has succeeded or is under way.")],
    /,
    *,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Undo one step while the saga goes on. No other step has run behind it, and none needs its result."""

    return run_action(
        Action(ActionRequest("undo step", step), "went on without it"), NO_FILTER.of(saga), by, store, as_json=json
    )
