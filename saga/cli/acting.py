"""`saga start`, `rollback`, `retry`, `resolve`, `pause`, `resume`: they change something, and what people do is audited."""

from __future__ import annotations

import getpass
import json as json_text
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from cyclopts import Parameter

from saga.app import App, connect
from saga.cli.documents import case_document
from saga.cli.running import log_for_people
from saga.cli.store import saga_of
from saga.cli.where import NOWHERE, Where
from saga.cli.why import why
from saga.cli.wording import clock_of, sentence
from saga.client import Ending
from saga.core.duration import duration_ms
from saga.errors import InputRefused, UsageError
from saga.loops import run
from saga.ports.case import Case
from saga.settings import Settings

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


# -- operators ------------------------------------------------------------------------------------------------------------


def rollback(
    saga: str,
    /,
    *,
    reason: str = "asked for by hand",
    actor: str | None = None,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """Roll a saga back. Refused once its pivot has passed.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    reason
        Why; it is kept in the history.
    actor
        Who asks; without it the name of the account.
    json
        For programs.
    """
    _operate(
        saga, lambda app, id_, by: app.operations.roll_back(id_, actor=by, reason=reason), actor, where, as_json=json
    )


def pause(
    saga: str,
    /,
    *,
    reason: str = "asked for by hand",
    actor: str | None = None,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """Hold a saga: nothing new is sent out until `saga resume`. Its deadline goes on.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    reason
        Why; it is kept in the audit.
    actor
        Who asks; without it the name of the account.
    json
        For programs.
    """
    _operate(saga, lambda app, id_, by: app.operations.pause(id_, actor=by, reason=reason), actor, where, as_json=json)


def resume(
    saga: str,
    /,
    *,
    reason: str = "asked for by hand",
    actor: str | None = None,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """Let a paused saga go on.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    reason
        Why; it is kept in the audit.
    actor
        Who asks; without it the name of the account.
    json
        For programs.
    """
    _operate(saga, lambda app, id_, by: app.operations.resume(id_, actor=by, reason=reason), actor, where, as_json=json)


def retry(
    saga: str,
    step: str | None = None,
    /,
    *,
    reason: str = "asked for by hand",
    actor: str | None = None,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """Try a quarantined step again.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    step
        This one; without it all that were set aside.
    reason
        Why; it is kept in the audit.
    actor
        Who asks; without it the name of the account.
    json
        For programs.
    """
    _operate(
        saga, lambda app, id_, by: app.operations.retry(id_, step, actor=by, reason=reason), actor, where, as_json=json
    )


def resolve(  # noqa: PLR0913 (an option each)
    saga: str,
    step: str,
    evidence: Evidence,
    /,
    *,
    reason: str = "asked for by hand",
    actor: str | None = None,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """Settle a quarantined step by what you know: its effect happened, did not happen, or was undone by hand.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    step
        The step that was set aside.
    evidence
        What is true of its effect.
    reason
        How you know; it is kept in the audit.
    actor
        Who says so; without it the name of the account.
    json
        For programs.
    """
    _operate(
        saga, lambda app, id_, by: app.operations.resolve(id_, step, evidence, actor=by, reason=reason), actor, where,
        as_json=json,
    )  # fmt: skip


def _operate(
    reference: str, act: Callable[[App, UUID, str], Awaitable[object]], actor: str | None, where: Where, *, as_json: bool
) -> None:  # fmt: skip
    settings = where.settings()
    log_for_people(settings)
    case = run(_acted(settings, reference, act, actor or _account()))
    if as_json:
        print(json_text.dumps(case_document(case), ensure_ascii=False))
    else:
        print(sentence(case, why(case), clock_of(case.now)))


async def _acted(
    settings: Settings, reference: str, act: Callable[[App, UUID, str], Awaitable[object]], actor: str
) -> Case:  # fmt: skip
    async with connect(settings=settings) as app:
        saga = await saga_of(app.process.adapter, reference)
        await act(app, saga, actor)
        return await app.process.adapter.listing.case(saga)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return f"uid {os.getuid()}"
