"""`saga ls`, `show`, `why` and `definitions`: they look and change nothing."""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console

from saga.cli import pages
from saga.cli.log_setup import log_for_people
from saga.cli.pages import Page
from saga.cli.store import reading, saga_of
from saga.cli.store_options import NOWHERE, Where
from saga.core.duration import duration_ms
from saga.core.state.phase import Phase
from saga.errors import SagaError, UsageError
from saga.inspection.documents import case_document, definition_document, line_document
from saga.inspection.why import document
from saga.inspection.why import why as answer_of
from saga.inspection.wording import clock_of, sentence
from saga.loops import run
from saga.ports.listing import SagaFilter
from saga.ports.saga_detail import SagaDetail
from saga.settings import Settings

Json = Annotated[bool, Parameter(name="--json", negative=())]
LIMIT: Final = 20


def ls(  # noqa: PLR0913 (a filter each)
    *,
    phase: Annotated[list[Phase] | None, Parameter(consume_multiple=True, negative=())] = None,
    definition: str | None = None,
    stuck: Annotated[bool, Parameter(negative=())] = False,
    since: str | None = None,
    limit: Annotated[int, Parameter(alias="-n")] = LIMIT,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """List sagas, the newest first.

    Parameters
    ----------
    phase
        Only those in this phase; may be given several times.
    definition
        Only those of this definition.
    stuck
        Only those that wait for a person.
    since
        Only those that started within this time ("10m", "1d") or after this moment ("2026-01-31 12:00").
    limit
        At most so many.
    json
        For programs.
    """
    settings = _prepared(where)
    phases = frozenset(phase) if phase else None
    started_since = None if since is None else moment(since, time.time())
    wanted = SagaFilter(phases, definition, stuck, started_since, limit)

    async def lines() -> Page:
        async with reading(settings) as adapter:
            found = await adapter.listing.lines(wanted)
        return Page(pages.lines(found, time.time()), [line_document(line) for line in found])

    _print(run(lines()), as_json=json)


def show(saga: str, /, *, json: Json = False, where: Where = NOWHERE) -> None:
    """Show one saga: its steps, results, errors and history.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    json
        For programs.
    """
    case = run(_case(_prepared(where), saga))
    _print(Page(pages.case(case), case_document(case)), as_json=json)


def why(saga: str, /, *, json: Json = False, where: Where = NOWHERE) -> None:
    """Say in one sentence what a saga waits for: since when, until when, and who could act.

    Parameters
    ----------
    saga
        Its id, or DEFINITION:KEY.
    json
        For programs.
    """
    case = run(_case(_prepared(where), saga))
    answer = answer_of(case)
    said = sentence(case, answer, clock_of(case.now))
    _print(Page([said], {"saga": str(case.saga), **document(answer), "sentence": said}), as_json=json)


def definitions(
    name: str | None = None,
    /,
    *,
    version: int | None = None,
    mermaid: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    where: Where = NOWHERE,
) -> None:
    """List the definitions, or show the steps of one.

    Parameters
    ----------
    name
        Show this one.
    version
        This version of it; without it the one that a start by name takes.
    mermaid
        As a Mermaid flow chart, for documents.
    json
        For programs.
    """
    settings = _prepared(where)

    async def page() -> Page:
        async with reading(settings) as adapter:
            if name is None:
                found = await adapter.listing.definitions()
                return Page(pages.definitions(found), [definition_document(one) for one in found])
            _, graph = await adapter.directory.find(name, version)
        lines: Sequence[Any] = [pages.mermaid(graph)] if mermaid else pages.graph(graph)
        return Page(lines, json_text.loads(graph.canonical))

    if mermaid and name is None:
        raise UsageError("--mermaid draws one definition: say which")
    _print(run(page()), as_json=json)


async def _case(settings: Settings, reference: str) -> SagaDetail:
    async with reading(settings) as adapter:
        return await adapter.listing.detail(await saga_of(adapter, reference))


def _prepared(where: Where) -> Settings:
    settings = where.settings()
    log_for_people(settings)
    return settings


def moment(text: str, now: float) -> float:
    """A moment in the past: so long ago, or a date with or without a time."""
    try:
        return now - duration_ms(text) / 1000
    except SagaError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise UsageError(f"--since {text}: say how long ago (10m, 2h, 1d), or when (2026-01-31 12:00)") from None


def _print(page: Page, *, as_json: bool) -> None:
    if as_json:
        print(json_text.dumps(page.document, ensure_ascii=False))
        return
    console = Console(soft_wrap=False, highlight=False)
    for part in page.parts:
        console.print(part, soft_wrap=isinstance(part, str), markup=not isinstance(part, str))
