"""The views for people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from saga.core.state.letters import LETTERS, WORDS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from tests.postgres.rows import Tables, add_command, add_definition, add_event, add_process, add_saga


async def one(tables: Tables, view: str, column: str, value: object) -> asyncpg.Record:
    rows = await tables.fetch(f"select * from {view} where {column} = $1", value)  # noqa: S608
    assert len(rows) == 1
    return rows[0]


async def test_every_letter_has_the_word_of_the_core(tables: Tables) -> None:
    words = {letter: await tables.fetchval("select letter_word($1)", letter) for letter in LETTERS}

    assert words == WORDS


@pytest.mark.parametrize(("function", "kind"), [("phase_word", Phase), ("mode_word", Mode)])
async def test_every_phase_and_mode_has_the_word_of_the_core(
    tables: Tables, function: str, kind: type[Phase | Mode]
) -> None:
    for member in kind:
        word = await tables.fetchval(f'select {function}($1::"char")', member.value.encode())
        assert word == member.name.lower()


async def test_overview_says_where_a_running_saga_is(tables: Tables) -> None:
    definition = await add_definition(tables)
    saga = await add_saga(tables, definition, "SDP", rollback_requested=True)
    await tables.execute("insert into start_key values ('order', 'order-1017', $1, '')", saga)

    row = await one(tables, "overview", "id", saga)

    assert (row["definition"], row["version"], row["key"]) == ("order", 1, "order-1017")
    assert row["state"] == "running, rollback requested"
    assert row["at_steps"] == ["b"]
    assert row["is_stuck"] is False


async def test_overview_dates_a_saga_by_its_last_transition(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", age_seconds=3600)
    before = (await one(tables, "overview", "id", saga))["since"]
    await add_event(tables, saga, "succeeded", step=0)

    after = (await one(tables, "overview", "id", saga))["since"]

    assert after - before > timedelta(minutes=59)


async def test_overview_calls_a_quarantined_saga_stuck(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SkV", phase="C", reason="out of stock")

    row = await one(tables, "overview", "id", saga)

    assert (row["state"], row["is_stuck"], row["reason"]) == ("compensating, stuck", True, "out of stock")


async def test_overview_shows_ended_sagas_of_an_overwritten_version_under_its_name(tables: Tables) -> None:
    definition = await add_definition(tables, name="order~7")
    saga = await add_saga(tables, definition, "SSS", phase="D")

    assert (await one(tables, "overview", "id", saga))["definition"] == "order"


async def test_steps_has_one_row_for_each_step(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables, "TJX"), "SDP")
    process = await add_process(tables, "payments-1", "service")
    await add_command(tables, saga, 1, owner=process, deliveries=2, failures=1, error="timeout")
    await tables.execute("insert into step values ($1, 0, now(), $2, 1, null, null, '\"é\"')", saga, process)

    rows = await tables.fetch("select * from steps where saga = $1 order by position", saga)

    assert [(row["name"], row["mode"], row["state"], row["command"]) for row in rows] == [
        ("a", "transactional", "succeeded", None),
        ("b", "journaled", "dispatched", "running"),
        ("c", "external", "pending", None),
    ]
    assert (rows[0]["result"], rows[0]["process"]) == ('"é"', "payments-1")
    assert (rows[1]["attempts"], rows[1]["failures"], rows[1]["error"]) == (2, 1, "timeout")


async def test_steps_shows_a_result_that_is_not_text(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables, "X"), "S")
    await tables.execute("insert into step values ($1, 0, now(), null, 1, null, null, '\\xff00')", saga)

    assert (await one(tables, "steps", "saga", saga))["result"] == "base64:/wA="


@pytest.mark.parametrize(
    ("due_in_seconds", "word"), [(-1, "queued"), (60, "waiting for its next attempt"), (float("inf"), "parked")]
)
async def test_steps_says_what_a_command_does(tables: Tables, due_in_seconds: float, word: str) -> None:
    saga = await add_saga(tables, await add_definition(tables, "X"), "D")
    await add_command(tables, saga, 0)
    moment = "'infinity'" if due_in_seconds == float("inf") else f"now() + make_interval(secs => {due_in_seconds})"
    await tables.execute(f"update command set due_at = {moment}")  # noqa: S608

    assert (await one(tables, "steps", "saga", saga))["command"] == word


async def test_stuck_says_why_an_operator_is_needed(tables: Tables) -> None:
    definition = await add_definition(tables)
    saga = await add_saga(tables, definition, "SkV", phase="C")
    await add_event(tables, saga, "quarantined", step=1, detail="an older reason")
    await add_event(tables, saga, "quarantined", step=1, detail="given up after 5 failures")
    await add_saga(tables, definition, "SDP")

    rows = await tables.fetch("select * from stuck")

    assert [(row["saga"], row["step"], row["why"]) for row in rows] == [(saga, "b", "given up after 5 failures")]


WAITS: list[tuple[str, dict[str, Any], dict[str, Any] | None, str]] = [
    ("Dead", {"vector": "D"}, {}, "a process of service: none is alive"),
    ("retry", {"vector": "D"}, {"due_in_seconds": 60, "failures": 1}, "its next attempt"),
    ("quarantined", {"vector": "d"}, None, "an operator: the step is quarantined"),
    ("paused", {"vector": "D", "paused": True}, {}, "an operator: the saga is paused"),
    ("paused idle", {"vector": "S", "paused": True}, None, "an operator: the saga is paused"),
    ("undecided", {"vector": "P"}, None, "a process to decide what comes next"),
    ("waits its turn", {"vector": "D", "phase": "C"}, None, "the steps after it, which are compensated first"),
]


@pytest.mark.parametrize(("columns", "command", "what"), [case[1:] for case in WAITS], ids=[case[0] for case in WAITS])
async def test_waiting_says_for_what(
    tables: Tables, columns: dict[str, Any], command: dict[str, Any] | None, what: str
) -> None:
    saga = await add_saga(tables, await add_definition(tables, "J"), **columns)
    if command is not None:
        await add_command(tables, saga, 0, **command)

    assert (await one(tables, "waiting", "saga", saga))["waits_for"] == what


async def test_waiting_names_the_process_that_runs_a_step_and_the_end_of_its_lease(tables: Tables) -> None:
    process = await add_process(tables, "payments-1", "service")
    saga = await add_saga(tables, await add_definition(tables, "X"), "D")
    await add_command(tables, saga, 0, owner=process)
    until = await tables.fetchval("update command set lease_until = now() + interval '30 s' returning lease_until")

    row = await one(tables, "waiting", "saga", saga)

    assert (row["waits_for"], row["until"]) == ("payments-1, which runs it", until)


async def test_waiting_names_the_processes_that_could_act(tables: Tables) -> None:
    await add_process(tables, "payments-1", "service", "other")
    await add_process(tables, "payments-0", "service", silent_seconds=60)
    await add_process(tables, "shipping-1", "other")
    saga = await add_saga(tables, await add_definition(tables, "X"), "D")
    await add_command(tables, saga, 0, due_in_seconds=-5)

    row = await one(tables, "waiting", "saga", saga)

    assert (row["waits_for"], row["processes"]) == ("a process of service to claim it", ["payments-1"])


@pytest.mark.parametrize("view", ["overview", "steps", "stuck", "waiting"])
async def test_one_saga_is_found_without_reading_all(tables: Tables, view: str) -> None:
    definition = await add_definition(tables)
    await tables.execute(
        "insert into saga (id, definition, phase, vector, started_at, wake_at, input)"
        " select gen_random_uuid(), $1, 'R', 'SDP', now(), now(), '' from generate_series(1, 5000)",
        definition,
    )
    await tables.execute("analyze saga; set plan_cache_mode = force_generic_plan")
    saga = await tables.fetchval("select id from saga limit 1")
    key = "id" if view == "overview" else "saga"

    plan = "\n".join(row[0] for row in await tables.fetch(f"explain select * from {view} where {key} = $1", saga))  # noqa: S608

    assert "Seq Scan on saga" not in plan
    assert "saga_pkey" in plan


async def test_ended_sagas_wait_for_nothing(tables: Tables) -> None:
    await add_saga(tables, await add_definition(tables), "SSS", phase="D")

    assert await tables.fetch("select * from waiting") == []
    assert await tables.fetch("select * from stuck") == []


async def test_views_say_for_which_event_and_until_when_a_step_waits(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables, "E"), "D")
    await add_command(tables, saga, 0)
    park = "update command set due_at = now() + interval '1 hour', awaits = $1, until = now() + $2 returning until"
    cases: list[tuple[list[str] | None, timedelta | None, str]] = [
        (["review", "appeal"], timedelta(days=3), "the event review or appeal"),
        (["review"], None, "the event review"),
        (["$pay"], timedelta(days=2), "its completion from outside"),
        (None, timedelta(days=1), "its time"),
    ]
    for awaits, seconds, words in cases:
        until = await tables.fetchval(park, awaits, seconds)
        row = await one(tables, "waiting", "saga", saga)
        assert (row["waits_for"], row["until"]) == (words, until)
        row = await one(tables, "steps", "saga", saga)
        assert (row["command"], row["until"]) == (f"waiting for {words}", until)
        assert (await one(tables, "overview", "id", saga))["awaits"] == (None if awaits is None else sorted(awaits))
