"""`saga start`."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from cyclopts import Parameter

from saga.app import connect
from saga.cli.log_setup import log_for_people
from saga.cli.store_options import NOWHERE, Where
from saga.client import Ending
from saga.core.duration import duration_ms
from saga.errors import InputRefused, UsageError
from saga.loops import run

Json = Annotated[bool, Parameter(name="--json", negative=())]
Evidence = Literal["happened", "did-not-happen", "compensated"]
WAIT: Final = "60s"
FAILED: Final = 1


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
    where: Where = NOWHERE,
) -> int:
    """Start a saga, and print its id: `saga start order '{"sku": "A-1"}' --key order-1017 --wait`.

    Parameters
    ----------
    definition
        Its name.
    input
        JSON; @FILE reads a file, - reads standard input.
    key
        The same key never starts a second saga of this definition.
    version
        Without it, the newest one that is activated.
    tag
        NAME=VALUE, may be given several times.
    wait
        Wait for its end; exit 0 only if it completed.
    timeout
        How long --wait waits; the saga goes on.
    json
        For programs.
    """
    settings = where.settings()
    log_for_people(settings)
    value, tags, seconds = _value(input), _tags(tag or []), duration_ms(timeout) / 1000

    async def started() -> tuple[UUID, Ending | None]:
        async with connect(settings=settings) as sagas:
            handle = await sagas.start(definition, value, key=key, version=version, tags=tags)
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
        print(json_text.dumps({"saga": str(saga), **_ending_document(ending)}, ensure_ascii=False))
    elif not wait:
        print(saga)
    elif ending is None:
        print(f"it has not ended within {timeout}; it goes on: saga why {saga}", file=sys.stderr)
    else:
        print(_ending_line(ending))
    return FAILED if wait and (ending is None or not ending.is_completed) else 0


def _value(text: str | None) -> Any:
    if text is None:
        return None
    try:
        if text == "-":
            return json_text.loads(sys.stdin.read())
        if text.startswith("@"):
            return json_text.loads(Path(text[1:]).read_text(encoding="utf-8"))
        return json_text.loads(text)
    except OSError as error:
        raise UsageError(f"the input cannot be read from {text[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise InputRefused(f"the input is no JSON: {error}") from error


def _tags(pairs: list[str]) -> dict[str, str] | None:
    bad = next((pair for pair in pairs if "=" not in pair), None)
    if bad is not None:
        raise UsageError(f"--tag {bad}: write NAME=VALUE")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)} or None


def _ending_document(ending: Ending | None) -> dict[str, Any]:
    if ending is None:
        return {}
    return {"status": ending.status, "value": ending.value, "reason": ending.reason}


def _ending_line(ending: Ending) -> str:
    if ending.is_completed:
        return (
            "completed" if ending.value is None else f"completed: {json_text.dumps(ending.value, ensure_ascii=False)}"
        )
    word = "rolled back" if ending.status == "compensated" else ending.status
    return f"{word}: {ending.reason or 'no reason given'}"
