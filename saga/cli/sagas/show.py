"""`saga show`: everything about one saga."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json import dumps
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.cli.output import Columns, Page, print_page, table
from saga.cli.sagas.phase_styles import PHASE_STYLES
from saga.cli.store import opened_store
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import COMPENSATED, QUARANTINED_LETTERS, REJECTED, RESOLVING, SUCCEEDED, VOIDING
from saga.core.state.letters import COMPENSATING as COMPENSATING_STEP
from saga.core.state.operation import Operation
from saga.inspection.attempts import attempts_in_history, operations
from saga.inspection.documents import audit_document, saga_document
from saga.inspection.masking.saga_marks import read_marks
from saga.inspection.masking.shown import Payloads, payloads_of
from saga.inspection.moments import budget_end_of, deadline_of
from saga.inspection.references import find_saga
from saga.inspection.step_reason import reason_of
from saga.inspection.why import why
from saga.inspection.wording import Clock, clock_of, letter_word, sentence, shortened, span, state_of
from saga.loops import run
from saga.ports.saga_detail import SagaDetail
from saga.ports.values.audit import AuditFilter, AuditLine
from saga.settings import Settings

OUTCOME_CHARS_MAX: Final = 200
Cut = Callable[..., str]
_LETTER_STYLES: Final = {
    SUCCEEDED: "green",
    REJECTED: "magenta",
    COMPENSATED: "magenta",
    COMPENSATING_STEP: "yellow",
    RESOLVING: "yellow",
    VOIDING: "yellow",
}


def show(
    saga: SagaReference,
    /,
    *,
    full: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> None:
    """Show one saga: its steps, results, errors and history.

    Parameters
    ----------
    full
        Print input, results and errors in full instead of their beginnings.
    """
    settings = store.settings()
    log_for_people(settings)
    detail, payloads, audits = run(_read(settings, saga))
    document = saga_document(detail, shown=payloads) | {
        "audit": [audit_document(line, detail.graph) for line in audits]
    }
    page = [*saga_page(detail, payloads, is_full=full), *_audit(detail, audits)]
    print_page(Page(page, document), as_json=json)


async def _read(settings: Settings, reference: str) -> tuple[SagaDetail, Payloads, list[AuditLine]]:
    async with opened_store(settings) as adapter:
        detail = await adapter.listing.detail(await find_saga(adapter, reference))
        payloads = Payloads(await read_marks(adapter.directory, detail.graph))
        return detail, payloads, await adapter.ledger.audits(AuditFilter(saga=detail.saga))


async def read_saga(settings: Settings, reference: str) -> SagaDetail:
    """Reads everything about the saga that an operator names."""
    async with opened_store(settings) as adapter:
        return await adapter.listing.detail(await find_saga(adapter, reference))


def saga_page(detail: SagaDetail, payloads: Payloads | None = None, *, is_full: bool = False) -> list[RenderableType]:
    """The facts of a saga, its steps and its history. `is_full`: no text is cut short."""
    payloads = payloads_of(detail) if payloads is None else payloads
    clock, cut = clock_of(detail.now), _whole if is_full else shortened
    head = Text.assemble((f"{detail.graph.name} v{detail.graph.version}", "bold"), f"  {detail.saga}")
    if detail.key:
        head.append(f"  key {detail.key}")
    facts, steps = _facts(detail, payloads, clock, cut), _steps(detail, payloads, cut)
    return [head, facts, Text(""), steps, Text(""), _history(detail, clock, cut)]


def _audit(detail: SagaDetail, audits: Sequence[AuditLine]) -> list[RenderableType]:
    """The actions of operators, oldest first; nothing if there are none."""
    if not audits:
        return []
    clock, rows = clock_of(detail.now), table("time", "operator", "action", "step", "reason")
    for line in reversed(audits):
        action, refusal = line.audit.action, line.audit.refusal
        step = "" if action.step is None else detail.graph.steps[action.step].name
        name = action.actor if action.authenticated is None else f"{action.actor} ({action.authenticated})"
        words = [action.reason or "", *([] if refusal is None else [f"refused: {refusal}"])]
        rows.add_row(*map(Text, (clock(line.at), name, action.action, step, "; ".join(words))))
    return [Text(""), rows]


def _whole(text: str, _: int = 0) -> str:
    return text


def _facts(detail: SagaDetail, payloads: Payloads, clock: Clock, cut: Cut) -> Table:
    state = detail.state
    facts = Table.grid(padding=(0, 2))
    facts.add_column()
    facts.add_column(overflow="fold")
    facts.add_row(Text("state"), Text(state_of(detail), style=PHASE_STYLES[state.phase]))
    facts.add_row(Text("times"), Text(_times(detail, clock)))
    if state.reason:
        facts.add_row(Text("reason"), Text(state.reason))
    facts.add_row(Text("why"), Text(sentence(detail, why(detail), clock)))
    facts.add_row(Text("input"), Text(cut(payloads.input_text(detail))))
    if (result := payloads.returned(detail)) is not None:
        facts.add_row(Text("result"), Text(cut(dumps(result, ensure_ascii=False))))
    if detail.tags:
        facts.add_row(Text("tags"), Text(cut(detail.tags)))
    return facts


def _times(detail: SagaDetail, clock: Clock) -> str:
    times = f"started {clock(detail.started_at)}"
    if detail.ended_at is not None:
        return f"{times}, ended {clock(detail.ended_at)} after {span(detail.ended_at - detail.started_at)}"
    if (budget_end := budget_end_of(detail)) is not None:
        return f"{times}, compensation budget until {clock(budget_end)}"
    return times if (deadline := deadline_of(detail)) is None else f"{times}, deadline {clock(deadline)}"


def _steps(detail: SagaDetail, payloads: Payloads, cut: Cut) -> RenderableType:
    tables = []
    for is_wide in (False, True):
        rows = table("step", "service", "state", "tries", *(("process",) if is_wide else ()), "result or reason")
        for position in range(len(detail.graph.steps)):
            rows.add_row(*_step_cells(detail, payloads, position, cut, is_wide=is_wide))
        tables.append(rows)
    return Columns(*tables)


def _step_cells(detail: SagaDetail, payloads: Payloads, position: int, cut: Cut, *, is_wide: bool) -> list[Text]:
    step, letter = detail.graph.steps[position], detail.state.vector[position]
    record, command = detail.records.get(position), detail.commands.get(position)
    style = "bold red" if letter in QUARANTINED_LETTERS else _LETTER_STYLES.get(letter, "")
    past = attempts_in_history(detail, position) if record is None else record
    tries = command.deliveries if command else past.attempts
    process = (command.owner if command else past.process) or ""
    name = Text(step.name + (" (pivot)" if step.pivot else ""))
    cells = [
        name,
        Text(step.service or f"({step.kind.value})"),
        Text(letter_word(letter), style=style),
        Text(str(tries or "")),
    ]
    return [*cells, *([Text(process)] if is_wide else []), _outcome(detail, payloads, position, cut)]


def _outcome(detail: SagaDetail, payloads: Payloads, position: int, cut: Cut) -> Text:
    """The error of the attempt under way, else why it ended as it did, else the result, else the newest detail in the history."""
    record, command = detail.records.get(position), detail.commands.get(position)
    if command is not None and command.error:
        return Text(cut(command.error, OUTCOME_CHARS_MAX), style="red")
    if (reason := reason_of(detail, position)) is not None:
        return Text(cut(reason, OUTCOME_CHARS_MAX))
    if record is not None:
        return Text(cut(payloads.result_text(detail, position), OUTCOME_CHARS_MAX))
    found = (line.detail for line in reversed(detail.history) if line.step == position and line.detail)
    return Text(cut(next(found, ""), OUTCOME_CHARS_MAX))


def _history(detail: SagaDetail, clock: Clock, cut: Cut) -> Table:
    rows = table("time", "step", "event", "detail")
    for line, operation in zip(detail.history, operations(detail), strict=True):
        name = "" if line.step is None else detail.graph.steps[line.step].name
        millis = f"{line.at % 1:.3f}"[1:]
        is_undoing = operation is Operation.COMPENSATE and line.kind == HistoryKind.FAILED
        kind = "compensation failed" if is_undoing else line.kind
        rows.add_row(Text(clock(line.at) + millis), Text(name), Text(kind), Text(cut(line.detail or "")))
    return rows
