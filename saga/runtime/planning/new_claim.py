"""The first claim of a command, as the process that dispatches the command makes it."""

from __future__ import annotations

from saga.core.state.saga_state import State
from saga.ports.values.claim import NEVER_CALLED, Claim
from saga.ports.values.write import Dispatch
from saga.runtime.planning.start_request import StartRequest


def new_claim(  # noqa: PLR0913 (a claim has these fields)
    origin: StartRequest | Claim,
    dispatch: Dispatch,
    number: int,
    *,
    version: int,
    state: State,
    waiter: int | None,
    results: dict[int, bytes],
    lease_ends: float,
    store_clock: float,
) -> Claim:
    """A claim that no process has run yet. `origin`: the start of its saga, or the claim whose outcome has dispatched it.

    The store makes the same claim when it reads the row; both must agree in every field.
    """
    return Claim(
        saga=origin.saga,
        step=dispatch.step,
        operation=dispatch.operation,
        number=number,
        definition=origin.definition,
        version=version,
        state=state,
        waiter=waiter,
        input=origin.input,
        results=results,
        deliveries=1,
        failures=0,
        first_failed_ago=0.0,
        lease_ends=lease_ends,
        quiet_at=NEVER_CALLED,
        progress=None,
        store_clock=store_clock,
        trace=origin.trace,
    )
