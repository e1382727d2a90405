"""`saga show`: everything about one saga."""

from __future__ import annotations

from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.cli.output import Columns, Page, print_page, table
from saga.cli.sagas.phase_styles import PHASE_STYLES
from saga.cli.store import find_saga, opened_store
from saga.core.state.letters import COMPENSATED, QUARANTINED_LETTERS, REJECTED, RESOLVING, SUCCEEDED, VOIDING
from saga.core.state.letters import COMPENSATING as COMPENSATING_STEP
from saga.inspection.documents import saga_document
from saga.inspection.why import why
from saga.inspection.wording import Clock, clock_of, letter_word, readable, sentence, shortened, span, state_of
from saga.loops import run
from saga.ports.saga_detail import SagaDetail
from saga.settings import Settings

OUTCOME_CHARS_MAX: Final = 200
_LETTER_STYLES: Final = {
    SUCCEEDED: "green",
    REJECTED: "magenta",
    COMPENSATED: "magenta",
    COMPENSATING_STEP: "yellow",
    RESOLVING: "yellow",
    VOIDING: "yellow",
}


def show(saga: SagaReference, /, *, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> None:
    """Show one saga: its steps, results, errors and history."""
    settings = store.settings()
    log_for_people(settings)
    detail = run(read_saga(settings, saga))
    print_page(Page(saga_page(detail), saga_document(detail)), as_json=json)


async def read_saga(settings: Settings, reference: str) -> SagaDetail:
    """Reads everything about the saga that an operator names."""
    async with opened_store(settings) as adapter:
        return await adapter.listing.detail(await find_saga(adapter, reference))


def saga_page(detail: SagaDetail) -> list[RenderableType]:
    """The facts of a saga, its steps and its history."""
    clock = clock_of(detail.now)
    head = Text.assemble((f"{detail.graph.name} v{detail.graph.version}", "bold"), f"  {detail.saga}")
    if detail.key:
        head.append(f"  key {detail.key}")
    return [head, _facts(detail, clock), Text(""), _steps(detail), Text(""), _history(detail, clock)]


def _facts(detail: SagaDetail, clock: Clock) -> Table:
    state = detail.state
    facts = Table.grid(padding=(0, 2))
    facts.add_row(Text("state"), Text(state_of(detail), style=PHASE_STYLES[state.phase]))
    facts.add_row(Text("times"), Text(_times(detail, clock)))
    if state.reason:
        facts.add_row(Text("reason"), Text(state.reason))
    facts.add_row(Text("why"), Text(sentence(detail, why(detail), clock)))
    facts.add_row(Text("input"), Text(shortened(readable(detail.input))))
    if detail.tags:
        facts.add_row(Text("tags"), Text(shortened(detail.tags)))
    return facts


def _times(detail: SagaDetail, clock: Clock) -> str:
    times = f"started {clock(detail.started_at)}"
    if detail.ended_at is not None:
        return f"{times}, ended {clock(detail.ended_at)} after {span(detail.ended_at - detail.started_at)}"
    return times if detail.state.deadline is None else f"{times}, deadline {clock(detail.state.deadline)}"


def _steps(detail: SagaDetail) -> RenderableType:
    tables = []
    for is_wide in (False, True):
        rows = table("step", "service", "state", "tries", *(("process",) if is_wide else ()), "result or error")
        for position in range(len(detail.graph.steps)):
            rows.add_row(*_step_cells(detail, position, is_wide=is_wide))
        tables.append(rows)
    return Columns(*tables)


def _step_cells(detail: SagaDetail, position: int, *, is_wide: bool) -> list[Text]:
    step, letter = detail.graph.steps[position], detail.state.vector[position]
    record, command = detail.records.get(position), detail.commands.get(position)
    style = "bold red" if letter in QUARANTINED_LETTERS else _LETTER_STYLES.get(letter, "")
    tries = command.deliveries if command else record.attempts if record else 0
    process = (command.owner if command else record.process if record else None) or ""
    name = Text(step.name + (" (pivot)" if step.pivot else ""))
    cells = [name, Text(step.service), Text(letter_word(letter), style=style), Text(str(tries or ""))]
    return [*cells, *([Text(process)] if is_wide else []), _outcome(detail, position)]


def _outcome(detail: SagaDetail, position: int) -> Text:
    """The error of the attempt under way, else the result, else the newest detail in the history."""
    record, command = detail.records.get(position), detail.commands.get(position)
    if command is not None and command.error:
        return Text(shortened(command.error, OUTCOME_CHARS_MAX), style="red")
    if record is not None:
        return Text(shortened(readable(record.result), OUTCOME_CHARS_MAX))
    found = (line.detail for line in reversed(detail.history) if line.step == position and line.detail)
    return Text(shortened(next(found, ""), OUTCOME_CHARS_MAX))


def _history(detail: SagaDetail, clock: Clock) -> Table:
    rows = table("time", "step", "event", "detail")
    for line in detail.history:
        name = "" if line.step is None else detail.graph.steps[line.step].name
        millis = f"{line.at % 1:.3f}"[1:]
        rows.add_row(Text(clock(line.at) + millis), Text(name), Text(line.kind), Text(shortened(line.detail or "")))
    return rows
