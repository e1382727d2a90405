"""`saga ls`: which sagas there are."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
from saga.inspection.references import missing_definition
from saga.inspection.wording import phase_word, shortened, span
from saga.loops import run
from saga.ports.listing import SagaFilter, SagaLine
from saga.settings import Settings

LIMIT: Final = 20
REASON_CHARS_MAX: Final = 60


def ls(  # noqa: PLR0913 (a filter each)
    *,
    phase: Annotated[list[Phase] | None, Parameter(consume_multiple=True, negative=())] = None,
    definition: str | None = None,
    stuck: Annotated[bool, Parameter(negative=())] = False,
    since: Since = None,
    tag: Annotated[list[str] | None, Parameter(negative=())] = None,
    limit: Annotated[int, Parameter(alias="-n")] = LIMIT,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """List sagas, newest first.

    Parameters
    ----------
    phase
        Only sagas in this phase; may be given several times.
    definition
        Only sagas of this definition.
    stuck
        Only sagas that wait for an operator.
    tag
        Only sagas with this tag, written NAME=VALUE; may be given several times.
    limit
        Maximum number of sagas.
    """
    settings = store.settings()
    log_for_people(settings)
    phases = frozenset(phase) if phase else None
    wanted = SagaFilter(phases, definition, stuck, moment_of(since), limit, tags=tags_of(tag))
    print_page(run(_page(settings, wanted)), as_json=json)


async def _page(settings: Settings, wanted: SagaFilter) -> Page:
    async with opened_store(settings) as adapter:
        lines = await adapter.listing.lines(wanted)
        name = wanted.definition_name
        unknown = None if lines or name is None else await missing_definition(adapter.listing, name)
    return Page(list_page(lines, time.time(), unknown), [line_document(line) for line in lines])


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
