"""Reference pages that are made from the code."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, get_args

import asyncpg
from pydantic.fields import FieldInfo

import saga
from saga import client, errors
from saga.authoring.definition import COMPENSATION_BUDGET, STEP_TIMEOUT
from saga.authoring.retry import EXECUTE_ATTEMPTS, FORWARD_ATTEMPTS
from saga.cli.program import build_program
from saga.core.check.finding import Code
from saga.core.definition import graph, names
from saga.core.definition.paths import INTEGER_MAX, TEMPLATE_DEPTH_MAX
from saga.core.duration import DURATION_MS_MAX, duration_text
from saga.core.rules.called_for import operation_of
from saga.core.state.letters import QUARANTINED_LETTERS, WORDS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import TERMINAL_PHASES, Phase
from saga.ports import election, listing
from saga.ports import saga_detail as case
from saga.runtime import redrive
from saga.runtime.claims import isolation, poller
from saga.runtime.commit import outcome_queue
from saga.runtime.handlers.participant import CONCURRENCY_DEFAULT
from saga.runtime.steps import attempt
from saga.settings import Seconds, Settings
from saga.telemetry import catalogue
from saga.telemetry.metrics import DEFINITIONS_MAX, OPERATION_WORDS, OTHER, OUTCOME_WORDS, SERVICES_MAX

Row = Iterable[object]
AGAIN: Final = "`SAGA_REWRITE=1 pytest tests/docs` writes it again."


def leadership() -> str:
    return f"# Leadership\n\n{inspect.cleandoc(election.__doc__ or '')}\n"


def table(titles: Row, rows: Iterable[Row]) -> str:
    lines = [" | ".join(map(str, titles)), " | ".join("---" for _ in titles)]
    lines += [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(f"| {line} |".replace("|  |", "| |") for line in lines)


# -- settings -------------------------------------------------------------------------------------------------------------


def settings() -> str:
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return f"""\
# Settings

Generated from `saga.settings.Settings`. {AGAIN}

A setting is read from `saga.yaml` in the working folder (or the file that `SAGA_CONFIG` names), then from `SAGA_*` of the environment, then
from what the program or the command line says. The later one wins. Durations are written as `"10s"`, `"2m"`, `"1h30m"`, `"1d"`, or as a
number of seconds. One `saga.yaml` serves every process; secrets come from the environment.

{table(("Setting", "In the environment", "Default", "Meaning"), rows)}
"""


def _setting(name: str, field: FieldInfo) -> Row:
    return f"`{name}`", f"`SAGA_{name.upper()}`", _default(field), f"{field.description or ''}{_bounds(field)}"


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    if text is None or text in ("", []):
        return "needed" if text == "" else "none"
    return f"`{duration_text(round(text * 1000))}`" if _is_duration(field) else f"`{text}`"


def _is_duration(field: FieldInfo) -> bool:
    return field.annotation is float and set(get_args(Seconds)[1:]) <= set(field.metadata)


def _bounds(field: FieldInfo) -> str:
    said = [(word, getattr(m, name)) for m in field.metadata for name, word in _BOUNDS.items() if hasattr(m, name)]
    shown = ", ".join(f"{word} {_bound(field, value)}" for word, value in said)
    choices = [value for value in get_args(field.annotation) if isinstance(value, str)]
    more = [shown] if shown else []
    more += [f"one of {', '.join(f'`{choice}`' for choice in choices)}"] if choices else []
    return f" ({'; '.join(more)})" if more else ""


_BOUNDS: Final = {"ge": "at least", "gt": "above", "le": "at most"}


def _bound(field: FieldInfo, value: float) -> str:
    return duration_text(round(value * 1000)) if _is_duration(field) else str(value)


# -- commands -------------------------------------------------------------------------------------------------------------


def commands() -> str:
    with _called_as("saga"):
        told = build_program(is_overview=False).generate_docs().partition("## Table of Contents")[2].lstrip()
    return f"""\
# Commands

Generated from what `saga --help` knows. {AGAIN}

Exit codes: 0 it is done, 1 it failed, 2 the call is wrong and a retry does not help. Which fabric a command is about is said by its
options, else by `SAGA_*` and `saga.yaml` ([settings](settings.md)), else by a `saga dev` that runs in the same folder.

{_tidy(told)}
"""


@contextmanager
def _called_as(name: str) -> Iterator[None]:
    """The help speaks of the program by the name that it was started with."""
    given = sys.argv
    sys.argv = [name]
    try:
        yield
    finally:
        sys.argv = given


def _tidy(text: str) -> str:
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return re.sub(r"^```console$", "```console fragment", text, flags=re.MULTILINE).rstrip()


# -- errors ---------------------------------------------------------------------------------------------------------------


def error_classes() -> str:
    codes = ",\n".join(textwrap.wrap(", ".join(f"`{code.value}`" for code in Code), 135)).replace(",,", ",")
    return f"""\
# Errors

Generated from `saga.errors`. {AGAIN}

Everything that Saga raises on purpose is a `SagaError`. The second level says whose fault it is, and whether a retry helps: only
`Unavailable` gets better by itself. The message names the place and the way out, in one sentence. Those with *yes* can be imported from
`saga`, all of them from `saga.errors`.

{table(("Error", "In `saga`", "Meaning"), _error_rows(errors.SagaError, 0))}

A `DefinitionError` has `findings`, each with a place, a reason, a remedy and a stable code:
{codes}.

What a handler raises to say something (`Reject`, `GiveUp`, `NotYet`, `DidNotHappen`) is no `SagaError`: see [how to add a
participant](../how-to/add-a-participant.md#say-what-happened).
"""


def _error_rows(kind: type[errors.SagaError], depth: int) -> Iterator[Row]:
    indent = "&nbsp;&nbsp;&nbsp;&nbsp;" * depth
    is_public = "yes" if kind.__name__ in saga.__all__ else ""
    yield f"{indent}`{kind.__name__}`", is_public, " ".join((inspect.getdoc(kind) or "").split())
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _error_rows(child, depth + 1)


# -- limits ---------------------------------------------------------------------------------------------------------------

_LIMITS: Final[tuple[tuple[str, object, str], ...]] = (
    ("Steps in a definition", graph.STEPS_MAX, "`saga.core.definition.graph.STEPS_MAX`"),
    ("Predecessors in a definition, all steps together", graph.EDGES_MAX, "`saga.core.definition.graph.EDGES_MAX`"),
    (
        "Bytes of a definition in canonical form",
        graph.DEFINITION_BYTES_MAX,
        "`saga.core.definition.graph.DEFINITION_BYTES_MAX`",
    ),
    ("Characters of a name", names.NAME_CHARS_MAX, "`saga.core.definition.names.NAME_CHARS_MAX`"),
    ("Longest duration", duration_text(DURATION_MS_MAX), "`saga.core.duration.DURATION_MS_MAX`"),
    ("Largest whole number in a template", INTEGER_MAX, "`saga.core.definition.paths.INTEGER_MAX`"),
    ("Levels of a template", TEMPLATE_DEPTH_MAX, "`saga.core.definition.paths.TEMPLATE_DEPTH_MAX`"),
    ("Bytes of a saga's input", client.INPUT_BYTES_MAX, "`saga.client.INPUT_BYTES_MAX`"),
    ("Characters of a start key", client.KEY_CHARS_MAX, "`saga.client.KEY_CHARS_MAX`"),
    ("Handlers at once in a process, for each participant", CONCURRENCY_DEFAULT, "`Participant(concurrency=)`"),
    ("Attempts of a step before the pivot", EXECUTE_ATTEMPTS, "`Retry(attempts=)`"),
    ("Attempts of a step that only goes forward", FORWARD_ATTEMPTS, "`Retry(attempts=)`"),
    ("Attempts of a compensation", "its budget is the limit", "`Retry(attempts=)`"),
    ("Timeout of one attempt", STEP_TIMEOUT, "`step(timeout=)`"),
    ("Compensation budget", COMPENSATION_BUDGET, "`Definition(compensation_budget=)`"),
    (
        "Deliveries without an answer, before a step runs alone",
        isolation.SUSPECT_AFTER,
        "`saga.runtime.claims.isolation.SUSPECT_AFTER`",
    ),
    ("Runs alone without an answer", isolation.TRIALS_MAX, "`saga.runtime.claims.isolation.TRIALS_MAX`"),
    ("Characters of a stored error", attempt.ERROR_CHARS_MAX, "`saga.runtime.steps.attempt.ERROR_CHARS_MAX`"),
    ("Sagas in one commit", outcome_queue.BATCH_SAGAS_MAX, "`saga.runtime.commit.outcome_queue.BATCH_SAGAS_MAX`"),
    (
        "Outcomes that wait for their commit while more is polled",
        poller.UNSETTLED_MAX,
        "`saga.runtime.claims.poller.UNSETTLED_MAX`",
    ),
    ("Commands in one poll", poller.POLLED_AT_ONCE, "`saga.runtime.claims.poller.POLLED_AT_ONCE`"),
    ("Overdue sagas in one redrive", redrive.OVERDUE_MAX, "`saga.runtime.redrive.OVERDUE_MAX`"),
    ("Lines of history shown", case.HISTORY_LINES_MAX, "`saga.ports.saga_detail.HISTORY_LINES_MAX`"),
    ("Sagas in a list", listing.LINES_MAX, "`saga.ports.listing.LINES_MAX`"),
)


def limits() -> str:
    rows = [(what, f"{value:,}" if isinstance(value, int) else value, where) for what, value, where in _LIMITS]
    return f"""\
# Limits and defaults

Generated from the constants of the code. {AGAIN}

Each limit has a name. Those that are yours to set are arguments; those of a process are [settings](settings.md). What is too large for a
limit is refused with a sentence that says so; what is only shown is cut off there.

{table(("What", "Value", "Where"), rows)}
"""


# -- tables ---------------------------------------------------------------------------------------------------------------

_RELATIONS: Final = """
select c.oid, c.relname, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), '') as comment
from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
order by c.relkind = 'v', c.oid"""
_COLUMNS: Final = """
select a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
       coalesce(col_description(a.attrelid, a.attnum), '') as comment
from pg_attribute a where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum"""
_FUNCTIONS: Final = """
select p.proname, coalesce(obj_description(p.oid, 'pg_proc'), '') as comment
from pg_proc p where p.pronamespace = $1::regnamespace order by 1"""


async def tables(connection: asyncpg.Connection[asyncpg.Record], schema: str) -> str:
    relations = await connection.fetch(_RELATIONS, schema)
    sections = {"v": list[str](), "r": list[str]()}
    for relation in relations:
        columns = await connection.fetch(_COLUMNS, relation["oid"])
        kind = "v" if relation["relkind"] == "v" else "r"
        sections[kind].append(_section(relation, columns, is_view=kind == "v"))
    functions = await connection.fetch(_FUNCTIONS, schema)
    rows = [(f"`{row['proname']}`", row["comment"]) for row in functions]
    views, own = "\n\n".join(sections["v"]), "\n\n".join(sections["r"])
    return f"""\
# Tables

Generated from the comments in a migrated database. {AGAIN}

They are in the schema of the namespace, `saga` by default. People read the views. Only the framework writes the tables, and it relies on
that. `saga show` and `saga why` answer most questions ([operate](../how-to/operate.md#watch-it)). The database of a journaled service
has one more table, `saga_journal`; its comments are in `saga_postgres/sql/journal.sql`.

## Views

{views}

## Tables

{own}

## Functions

Each call of the framework is one of these.

{table(("Function", "What it does"), rows)}
"""


def _section(relation: asyncpg.Record, columns: list[asyncpg.Record], *, is_view: bool) -> str:
    if is_view:
        rows = [(f"`{column['attname']}`", column["type"], column["comment"]) for column in columns]
        shown = table(("Column", "Type", "Meaning"), rows)
    else:
        wide = [
            (f"`{column['attname']}`", column["type"], "" if column["attnotnull"] else "yes", column["comment"])
            for column in columns
        ]
        shown = table(("Column", "Type", "May be null", "Meaning"), wide)
    return f"### {relation['relname']}\n\n{relation['comment']}\n\n{shown}"


# -- states ---------------------------------------------------------------------------------------------------------------

_PHASES: Final = {
    Phase.RUNNING: "it goes forward, or waits",
    Phase.COMPENSATING: "it goes back: what has happened is undone",
    Phase.ABANDONING: "given up by force: what can be frozen is being frozen",
    Phase.COMPLETED: "every step has succeeded, or was skipped",
    Phase.COMPENSATED: "rolled back: every step is clear",
    Phase.ABANDONED: "given up; the residue is listed",
}
_MEANINGS: Final = {
    "P": "it waits for its predecessors",
    "D": "sent out, outcome unknown; while compensating: a journaled step that waits for its successors to be clear",
    "W": "a journaled pivot that is asked to void or report",
    "U": "an external step that is driven, or probed, until its outcome is definite",
    "K": "its compensation is under way",
    "S": "its effect is there",
    "N": "its condition was false, there is no effect (not used yet)",
    "R": "it said no: there is no effect and never will be",
    "V": "there is no effect, and none can appear any more",
    "Z": "its effect is undone, or there was none",
    "G": "abandoning: frozen, until what became of it is known",
    "?": "abandoned: nobody can say whether the effect is there",
}


def state_regions() -> dict[str, str]:
    phases = [
        (f"`{phase.value}`", phase.name, "yes" if phase in TERMINAL_PHASES else "", _PHASES[phase]) for phase in Phase
    ]
    letters = [
        (f"`{letter}`", word, _MEANINGS.get(letter, f"`{letter.upper()}`, set aside for a person"))
        for letter, word in WORDS.items()
        if letter in _MEANINGS or letter in QUARANTINED_LETTERS
    ]
    calls = [
        (phase.name, f"`{letter}` {WORDS[letter]}", operation.name.lower().replace("_", " "), modes)
        for phase in Phase
        for letter in WORDS
        for operation, modes in _called(phase, letter)
    ]
    return {
        "phases": table(("Letter", "Phase", "Final", "Meaning"), phases),
        "letters": table(("Letter", "Word", "Meaning"), letters),
        "calls": table(("Phase", "Letter", "Command", "Modes"), calls),
    }


def _called(phase: Phase, letter: str) -> Iterator[tuple[Operation, str]]:
    asked = {mode: operation_of(phase, letter, mode) for mode in Mode if _may_stand(letter, mode)}
    for operation in Operation:
        modes = [mode.name.lower() for mode, found in asked.items() if found is operation]
        if modes:
            yield operation, ", ".join(modes)


def _may_stand(letter: str, mode: Mode) -> bool:
    """Voiding is for journaled steps, resolving for external ones."""
    return {"W": mode is Mode.JOURNALED, "w": mode is Mode.JOURNALED, "U": mode is Mode.EXTERNAL}.get(letter, True)


def with_regions(text: str, regions: dict[str, str]) -> str:
    """Put what is generated between its marks."""
    for name, body in regions.items():
        mark = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(text):
            raise LookupError(f"no place for {name}")
        before, after = mark.split(text, maxsplit=1)[::3]
        text = f"{before}<!-- generated: {name} -->\n\n{body}\n\n<!-- end -->{after}"
    return text


# -- metrics --------------------------------------------------------------------------------------------------------------


def metrics() -> str:
    rows = [
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in catalogue.METRICS
        if not metric.by_leader
    ]
    leaders = [
        (f"`{metric.name}`", ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in catalogue.METRICS
        if metric.by_leader
    ]
    return f"""\
# Metrics

Generated from `saga.telemetry.catalogue`. {AGAIN}

They are served at `/metrics` where the setting `http` says ([run in production](../how-to/run-in-production.md#health-checks)). A
histogram has the usual `_bucket`, `_sum` and `_count`. The usual `process_*` are there too.

## Of every process

{table(("Metric", "Kind", "Labels", "Meaning"), rows)}

## Of the leader

Gauges, for the whole namespace; a process that does not lead has none of them.

{table(("Metric", "Labels", "Meaning"), leaders)}

## Values of labels

| Label | Values |
| --- | --- |
| `outcome` of a step | {", ".join(sorted(f"`{word}`" for word in OUTCOME_WORDS))} |
| `outcome` of a saga | `completed`, `compensated`, `abandoned` |
| `operation` | {", ".join(f"`{word}`" for word in OPERATION_WORDS.values())} |
| `cause` | `deadline`, `rejected`, `failed`, `requested` |
| `batch` | `starts`, `outcomes` |
| `definition`, `service` | names; beyond {DEFINITIONS_MAX} definitions and {SERVICES_MAX} services: `{OTHER}` |
"""
