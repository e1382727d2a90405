"""`saga resolve`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from cyclopts import Parameter

from saga.cli.operators.action import Action, run_action
from saga.cli.operators.options import DEFAULTS, ActionOptions
from saga.cli.operators.selection import NO_FILTER
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.operations import Operations
from saga.ports.ledger import Snapshot

Evidence = Literal["happened", "did-not-happen", "compensated"]


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

    async def perform(operations: Operations, saga: UUID, /, *, actor: str, reason: str, dry_run: bool) -> Snapshot:
        return await operations.resolve(saga, step, evidence, actor=actor, reason=reason, dry_run=dry_run)

    return run_action(Action("resolve", "resolved", perform), NO_FILTER.of(saga), by, store, as_json=json)
