"""`saga start`: starts a saga, and waits for its end if asked to."""

from __future__ import annotations

import json as json_text
import sys
from typing import Annotated, Final
from uuid import UUID

from cyclopts import Parameter

from saga.app import connect
from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json, say
from saga.cli.sagas.payload import payload_of
from saga.cli.sagas.tags import tags_of
from saga.client import Ending, ending_document
from saga.core.duration import duration_ms
from saga.errors import NotFound
from saga.inspection.references import missing_definition
from saga.loops import run

WAIT: Final = "60s"


def start(  # noqa: PLR0913 (an option each)
    definition: str,
    input: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,  # noqa: A002 (the word of the protocol)
    /,
    *,
    key: str | None = None,
    version: int | None = None,
    tag: Annotated[list[str] | None, Parameter(negative=())] = None,
    wait: Annotated[bool, Parameter(negative=())] = False,
    timeout: str = WAIT,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Start a saga and print its id: `saga start order '{"sku": "A-1"}' --key order-1017 --wait`.

    Parameters
    ----------
    definition
        Name of the definition.
    input
        Input as JSON; @FILE reads a file, - reads standard input.
    key
        Start key: the same key never starts a second saga of this definition.
    version
        Version of the definition; the default is the newest activated version.
    tag
        NAME=VALUE; may be given several times.
    wait
        Wait for the end of the saga; exit 0 only if it completed.
    timeout
        How long --wait waits; the saga goes on after that.
    """
    settings = store.settings()
    log_for_people(settings)
    value, tags, seconds = payload_of(input, "input"), tags_of(tag), duration_ms(timeout) / 1000

    async def started() -> tuple[UUID, Ending | None]:
        async with connect(settings=settings) as sagas:
            try:
                handle = await sagas.start(definition, value, key=key, version=version, tags=tags)
            except NotFound as error:
                raise NotFound(await missing_definition(sagas.listing, definition) or str(error)) from None
            if not wait:
                return handle.id, None
            if not json:
                print(handle.id, flush=True)
            try:
                return handle.id, await handle.result(seconds)
            except TimeoutError:
                return handle.id, None

    saga, ending = run(started())
    if json:
        print_json({"saga": str(saga), **({} if ending is None else ending_document(ending))})
    elif not wait:
        print(saga)
    elif ending is None:
        print(f"the saga has not ended within {timeout} and goes on; you can run: saga why {saga}", file=sys.stderr)
    else:
        say(_ending_line(ending))
    return FAILED if wait and (ending is None or not ending.is_completed) else DONE


def _ending_line(ending: Ending) -> str:
    if ending.is_completed:
        return (
            "completed" if ending.value is None else f"completed: {json_text.dumps(ending.value, ensure_ascii=False)}"
        )
    word = "rolled back" if ending.status == "compensated" else ending.status
    return f"{word}: {ending.reason or 'no reason given'}"
