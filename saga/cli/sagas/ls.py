"""`saga ls`: which sagas there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import RenderableType
from rich.text import Text

from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, Since, StoreOptions
from saga.cli.output import Columns, Page, print_page, table
from saga.cli.sagas.phase_styles import PHASE_STYLES
from saga.cli.sagas.tags import tags_of
from saga.cli.since import moment_of
from saga.cli.store import opened_store
from saga.core.state.phase import Phase
from saga.inspection.documents import line_document
from saga.inspection.query.parser import parse
from saga.inspection.query.search import Search
from saga.inspection.query.terms import quoted
from saga.inspection.references import missing_definition
from saga.inspection.wording import phase_word, shortened, span
from saga.loops import run
from saga.ports.listing import LINES_MAX, SagaLine
from saga.runtime.definition_cache import DefinitionCache
from saga.settings import Settings

LIMIT: Final = 20
REASON_CHARS_MAX: Final = 60


def ls(  # noqa: PLR0913 (a filter each)
    *query: str,
    phase: Annotated[list[Phase] | None, Parameter(consume_multiple=True, negative=())] = None,
    definition: str | None = None,
    stuck: Annotated[bool, Parameter(negative=())] = False,
    waiting: str | None = None,
    since: Since = None,
    tag: Annotated[list[str] | None, Parameter(negative=())] = None,
    limit: Annotated[int, Parameter(alias="-n")] = LIMIT,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """List sagas, newest first.

    Parameters
    ----------
    query
        Only sagas that pass these terms: `saga ls definition:order is:retrying "age:>10m"`. Names: id, key, definition, version, phase,
        is, why, service, step, event, state, reason, tag.NAME, process, age, started, ended, deadline, attempts. `-` before a term
        negates it.
    phase
        Only sagas in this phase; may be given several times.
    definition
        Only sagas of this definition.
    stuck
        Only sagas that wait for an operator.
    waiting
        Only sagas that wait for this event.
    tag
        Only sagas with this tag, written NAME=VALUE; may be given several times.
    limit
        Maximum number of sagas.
    """
    settings = store.settings()
    log_for_people(settings)
    terms = [*query, *_terms(phase or [], definition, tags_of(tag) or {})]
    if stuck:
        terms.append("is:stuck")
    if waiting is not None:
        terms.append(f"event:{quoted(waiting)}")
    if (moment := moment_of(since)) is not None:
        terms.append(f"started:>={datetime.fromtimestamp(moment, UTC).isoformat()}")
    print_page(run(_page(settings, " ".join(terms), definition, min(limit, LINES_MAX))), as_json=json)


def _terms(phases: Sequence[Phase], definition: str | None, tags: Mapping[str, str]) -> Iterator[str]:
    """The options as terms of a query."""
    if phases:
        yield f"phase:{','.join(map(phase_word, phases))}"
    if definition is not None:
        yield f"definition:{quoted(definition)}"
    for name, value in tags.items():
        yield f"tag.{quoted(name, also=':')}:{quoted(value)}"


async def _page(settings: Settings, query: str, definition: str | None, limit: int) -> Page:
    now = time.time()
    terms = parse(query, now)
    async with opened_store(settings) as adapter:
        graphs = DefinitionCache(adapter.directory).graph
        found = await Search(adapter.listing, graphs, time.monotonic).page(terms, limit, None, now)
        lines = found.lines
        unknown = None if lines or definition is None else await missing_definition(adapter.listing, definition)
    parts = list_page(lines, now, unknown)
    if found.scanned_to is not None:
        parts.append(
            Text(f"the search ended at {found.scanned_to}: add a term that narrows it, such as age:<1d", style="dim")
        )
    return Page(parts, [line_document(line) for line in lines])


def list_page(lines: Sequence[SagaLine], now: float, unknown: str | None = None) -> list[RenderableType]:
    """The list as a table. `unknown` says why it is empty, where that is a mistake."""
    if not lines:
        return [Text(f"no sagas: {unknown}" if unknown else "no sagas", style="dim")]
    tables = []
    for is_wide in (False, True):
        rows = table("saga", "definition", "state", "at", "age", *(("key", "reason") if is_wide else ()))
        rows.columns[0].no_wrap = True
        for line in lines:
            more = (line.key or "", shortened(line.reason or "", REASON_CHARS_MAX)) if is_wide else ()
            name = f"{line.definition_name} v{line.definition_version}"
            age = span(now - line.started_at)
            rows.add_row(str(line.saga), name, _state(line), ", ".join(line.steps), age, *map(Text, more))
        tables.append(rows)
    return [Columns(*tables)]


def _state(line: SagaLine) -> Text:
    state = Text(phase_word(line.phase), style=PHASE_STYLES[line.phase])
    for is_so, word in ((line.is_rollback_requested, "rollback requested"), (line.is_paused, "paused")):
        if is_so and line.ended_at is None:
            state.append(f", {word}")
    if line.is_stuck:
        state.append(", stuck", style="bold red")
    return state
