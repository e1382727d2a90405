"""`saga send`: sends an event to a saga."""

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
from saga.inspection.references import find_saga
from saga.loops import run


def send(
    saga: str,
    event: str,
    payload: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    id: str | None = None,  # noqa: A002 (the word of the protocol)
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Send an event to a saga: `saga send transfer:t-17 review '{"approved": true}'`.

    Parameters
    ----------
    saga
        Id of the saga, or DEFINITION:KEY.
    event
        Name of the event.
    payload
        Payload as JSON; @FILE reads a file, - reads standard input.
    id
        Id of the event: the same id counts once in a saga.
    """
    settings = store.settings()
    log_for_people(settings)
    value = payload_of(payload, "payload")

    async def sent() -> Sent:
        async with connect(settings=settings) as sagas:
            return await sagas.send(await find_saga(sagas.adapter, saga), event, value, id=id)

    receipt = run(sent())
    if json:
        print_json({"id": receipt.id, "is_new": receipt.is_new})
    else:
        say(f"sent {event}" if receipt.is_new else f"{event} was sent before with the id {receipt.id}: it counts once")
    return DONE
