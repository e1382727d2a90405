"""`saga complete`: completes an external step whose handler waits for another system."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.app import connect
from saga.cli.exit_codes import DONE
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json, say
from saga.cli.sagas.payload import payload_of
from saga.client.ending import Sent
from saga.errors import UsageError
from saga.loops import run


def complete(
    token: str,
    result: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    reject: str | None = None,
    fail: str | None = None,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Complete an external step whose handler waits for another system: `saga complete TOKEN '{"charge": "ch_1"}'`.

    Parameters
    ----------
    token
        The token that the handler of the step has handed out (`ctx.token`).
    result
        Result of the step as JSON; @FILE reads a file, - reads standard input.
    reject
        Reason for which the step has had no effect and never will have one.
    fail
        Reason for which nobody knows whether the step took effect. It is not retried.
    """
    if sum(each is not None for each in (result, reject, fail)) > 1:
        raise UsageError("give a result, --reject or --fail, and only one of them")
    settings = store.settings()
    log_for_people(settings)
    value = payload_of(result, "result")

    async def completed() -> Sent:
        async with connect(settings=settings) as sagas:
            if reject is not None:
                return await sagas.reject(token, reject)
            if fail is not None:
                return await sagas.fail(token, fail)
            return await sagas.complete(token, value)

    receipt = run(completed())
    if json:
        print_json({"is_new": receipt.is_new})
    else:
        say("recorded" if receipt.is_new else "the same was recorded before: it counts once")
    return DONE
