"""How sagas look in a terminal of 80 columns or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from saga.core.definition.graph import Graph, Step
from saga.core.duration import duration_text
from saga.core.state.letters import QUARANTINED_LETTERS
from saga.core.state.phase import Phase
from saga.inspection.why import why
from saga.inspection.wording import clock_of, letter_word, phase_word, readable, sentence, shortened, span, state_of
from saga.ports.listing import DefinitionLine, SagaLine
from saga.ports.saga_detail import SagaDetail

WIDE_COLUMNS: Final = 110
OUTCOME_CHARS_MAX: Final = 200
_STYLES: Final = {
    Phase.RUNNING: "cyan", Phase.COMPENSATING: "yellow", Phase.ABANDONING: "red",
    Phase.COMPLETED: "green", Phase.COMPENSATED: "magenta", Phase.ABANDONED: "red",
}  # fmt: skip
_LETTER_STYLES: Final = {"S": "green", "R": "magenta", "Z": "magenta", "K": "yellow", "U": "yellow", "W": "yellow"}


@dataclass(frozen=True, slots=True)
class Page:
    """What a reading command answers: for people, and for programs."""

    parts: Sequence[RenderableType]
    document: Any


class Columns:
    """A table that leaves out columns where there is no room for them."""

    def __init__(self, narrow: Table, wide: Table) -> None:
        self._narrow = narrow
        self._wide = wide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._wide if options.max_width >= WIDE_COLUMNS else self._narrow


def lines(found: Sequence[SagaLine], now: float) -> list[RenderableType]:
    """`saga ls`."""
    if not found:
        return [Text("no sagas", style="dim")]
    tables = []
    for is_wide in (False, True):
        table = _table("saga", "definition", "state", "at", "age", *(("key", "reason") if is_wide else ()))
        table.columns[0].no_wrap = True
        for line in found:
            more = (line.key or "", shortened(line.reason or "", 60)) if is_wide else ()
            name = f"{line.definition_name} v{line.definition_version}"
            age = span(now - line.started_at)
            table.add_row(str(line.saga), name, _line_state(line), ", ".join(line.steps), age, *map(Text, more))
        tables.append(table)
    return [Columns(*tables)]


def _line_state(line: SagaLine) -> Text:
    state = Text(phase_word(line.phase), style=_STYLES[line.phase])
    for is_so, word in ((line.is_rollback_requested, "rollback requested"), (line.is_paused, "paused")):
        if is_so and line.ended_at is None:
            state.append(f", {word}")
    if line.is_stuck:
        state.append(", stuck", style="bold red")
    return state


def case(case: SagaDetail) -> list[RenderableType]:
    """`saga show`."""
    clock, state = clock_of(case.now), case.state
    head = Text.assemble((f"{case.graph.name} v{case.graph.version}", "bold"), f"  {case.saga}")
    if case.key:
        head.append(f"  key {case.key}")
    times = f"started {clock(case.started_at)}"
    if case.ended_at is not None:
        times += f", ended {clock(case.ended_at)} after {span(case.ended_at - case.started_at)}"
    elif state.deadline is not None:
        times += f", deadline {clock(state.deadline)}"
    facts = Table.grid(padding=(0, 2))
    facts.add_row(Text("state"), Text(state_of(case), style=_STYLES[state.phase]))
    facts.add_row(Text("times"), Text(times))
    if state.reason:
        facts.add_row(Text("reason"), Text(state.reason))
    facts.add_row(Text("why"), Text(sentence(case, why(case), clock)))
    facts.add_row(Text("input"), Text(shortened(readable(case.input))))
    if case.tags:
        facts.add_row(Text("tags"), Text(shortened(case.tags)))
    return [head, facts, Text(""), _steps(case), Text(""), _history(case)]


def _steps(case: SagaDetail) -> RenderableType:
    tables = []
    for is_wide in (False, True):
        table = _table("step", "service", "state", "tries", *(("process",) if is_wide else ()), "result or error")
        for position, step in enumerate(case.graph.steps):
            record, instruction = case.records.get(position), case.commands.get(position)
            letter = case.state.vector[position]
            style = "bold red" if letter in QUARANTINED_LETTERS else _LETTER_STYLES.get(letter, "")
            tries = instruction.deliveries if instruction else record.attempts if record else 0
            process = (instruction.owner if instruction else record.process if record else None) or ""
            name = Text(step.name + (" (pivot)" if step.pivot else ""))
            cells = [name, Text(step.service), Text(letter_word(letter), style=style), Text(str(tries or ""))]
            table.add_row(*cells, *([Text(process)] if is_wide else []), _outcome(case, position))
        tables.append(table)
    return Columns(*tables)


def _outcome(case: SagaDetail, position: int) -> Text:
    """The error of the attempt under way, or the result, or why there is none."""
    record, instruction = case.records.get(position), case.commands.get(position)
    if instruction is not None and instruction.error:
        return Text(shortened(instruction.error, OUTCOME_CHARS_MAX), style="red")
    if record is not None:
        return Text(shortened(readable(record.result), OUTCOME_CHARS_MAX))
    said = (moment.detail for moment in reversed(case.history) if moment.step == position and moment.detail)
    return Text(shortened(next(said, ""), OUTCOME_CHARS_MAX))


def _history(case: SagaDetail) -> Table:
    table = _table("time", "step", "event", "detail")
    clock = clock_of(case.now)
    for moment in case.history:
        name = "" if moment.step is None else case.graph.steps[moment.step].name
        millis = f"{moment.at % 1:.3f}"[1:]
        table.add_row(
            Text(clock(moment.at) + millis), Text(name), Text(moment.kind), Text(shortened(moment.detail or ""))
        )
    return table


def definitions(found: Sequence[DefinitionLine]) -> list[RenderableType]:
    """`saga definitions`."""
    if not found:
        return [Text("no definitions: a process that serves a module with a Definition registers it", style="dim")]
    table = _table("definition", "version", "steps", "live sagas", "services")
    for one in found:
        version = f"{one.version} (default)" if one.is_default else str(one.version)
        table.add_row(one.name, version, str(one.steps), str(one.live), ", ".join(one.services))
    return [table]


def graph(graph: Graph) -> list[RenderableType]:
    """`saga definitions NAME`: the steps in order, each under the step that it comes after; joins say what else they wait for."""
    deadline = f", deadline {duration_text(graph.deadline_ms)}" if graph.deadline_ms else ""
    root = Tree(Text(f"{graph.name} v{graph.version}{deadline}", style="bold"))
    branches: dict[int, Tree] = {}
    for position in reversed(graph.downward):
        step = graph.steps[position]
        parent = branches[step.after[-1]] if step.after else root
        branches[position] = parent.add(_step_line(graph, step))
    return [root]


def _step_line(graph: Graph, step: Step) -> Text:
    line = Text.assemble((step.name, "bold"), f"  {step.service}.{step.handler} ({step.mode.name.lower()})")
    facts = [
        "pivot" if step.pivot else "",
        "retriable" if step.retriable else "",
        "read-only" if step.read_only else "",
        "compensated" if step.compensation else "",
        f"also after {', '.join(graph.steps[before].name for before in step.after[:-1])}"
        if len(step.after) > 1
        else "",
    ]
    said = ", ".join(filter(None, facts))
    return line.append(f"  {said}", style="dim") if said else line


def mermaid(graph: Graph) -> str:
    """A flow chart; the pivot has a double frame."""
    rows = ["flowchart LR"]
    for position, step in enumerate(graph.steps):
        frame = f'[["{step.name}"]]' if step.pivot else f'["{step.name}"]'
        rows.append(f"  s{position}{frame}")
        rows += [f"  s{before} --> s{position}" for before in step.after]
    return "\n".join(rows)


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
