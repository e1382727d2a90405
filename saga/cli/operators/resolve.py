"""`saga resolve`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.inspection.actions.request import ActionRequest, Evidence


def resolve(
    saga: SagaReference,
    step: Annotated[str, Parameter(help="The quarantined step.")],
    evidence: Annotated[
        Evidence, Parameter(help="What you know about the effect of the step; say in --reason how you know it.")
    ],
    /,
    *,
    by: ActionOptions = DEFAULTS,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Settle a quarantined step by what you know: its effect happened, did not happen, or was undone by hand."""

    return run_action(
        Action(ActionRequest("resolve", step, evidence), "resolved"), NO_FILTER.of(saga), by, store, as_json=json
    )
