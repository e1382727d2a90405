"""The checks of the doctor and their remedies."""

from __future__ import annotations

import json

import asyncpg
import pytest

from saga.ports.bus_doctor import Check
from saga_postgres import doctor
from saga_postgres.doctor import examine
from tests.postgres.rows import Tables, add_command, add_definition, add_process, add_saga


async def findings(url: str) -> dict[str, Check]:
    return {finding.name: finding async for finding in examine(url, "saga")}


async def finding(url: str, name: str) -> Check:
    return (await findings(url))[name]


async def test_every_bad_finding_has_a_remedy_and_no_good_one(postgres_url: str, tables: Tables) -> None:  # noqa: ARG001
    found = await findings(postgres_url)

    assert [finding.name for finding in found.values() if finding.ok is (finding.remedy is not None)] == []
    assert list(found)[:2] == ["server", "version"]
    assert {"pooler", "clock", "vacuum", "replication", "schema", "dead rows", "queues"} <= {
        finding.name for finding in found.values() if finding.ok
    }


async def test_a_server_out_of_reach_is_the_only_finding() -> None:
    (finding,) = (await findings("postgresql://saga:secret@127.0.0.1:1/shop")).values()

    assert (finding.name, finding.ok) == ("server", False)
    assert "127.0.0.1:1/shop" in finding.detail
    assert "secret" not in finding.detail


async def test_a_missing_schema_ends_the_checks(postgres_url: str) -> None:
    last = list((await findings(postgres_url)).values())[-1]

    assert (last.name, last.ok, last.remedy) == ("schema", False, "saga migrate (namespace saga)")


async def test_a_server_that_forgets_is_found(postgres_url: str, postgres: asyncpg.Connection) -> None:
    name = await postgres.fetchval("select current_database()")
    await postgres.execute(f'alter database "{name}" set synchronous_commit = off')

    found = await finding(postgres_url, "durability")

    assert not found.ok
    assert "synchronous_commit" in found.detail


async def test_a_pooler_in_transaction_mode_is_found(pgbouncer_url: str) -> None:
    found = await finding(pgbouncer_url, "pooler")

    assert not found.ok
    assert "the address of the server itself" in str(found.remedy)


async def test_a_service_with_due_commands_and_no_live_process_is_found(postgres_url: str, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await add_command(tables, saga, 0, due_in_seconds=-5)
    await add_process(tables, "payments-0", "service", silent_seconds=60)

    found = await findings(postgres_url)

    assert "service (1 commands, the oldest for 5 s)" in found["queues"].detail
    assert found["participants"].detail == "0 alive, serving nothing; 1 silent"
    assert not found["participants"].ok


async def test_live_participants_are_listed(postgres_url: str, tables: Tables) -> None:
    await add_process(tables, "payments-1", "payments", "refunds")

    found = await finding(postgres_url, "participants")

    assert (found.ok, found.detail) == (True, "1 alive, serving payments, refunds")


async def test_a_contract_without_a_live_process_is_found(postgres_url: str, tables: Tables) -> None:
    await tables.execute("insert into contract values ('shipping', 'ship', 'X', true, false, false)")

    found = await finding(postgres_url, "contracts")

    assert (found.ok, found.detail) == (False, "published, but no process is alive: shipping")


async def test_a_handler_that_a_live_process_lacks_is_found(postgres_url: str, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await add_command(tables, saga, 0)
    await add_contract(tables, "a", "X")
    assert (await finding(postgres_url, "handlers")).ok
    await tables.execute("update command set error = 'process 30 claimed it and has no such handler'")

    found = await finding(postgres_url, "handlers")

    assert (found.ok, found.detail) == (False, "commands wait for handlers that a live process lacks: service.a (1)")


async def test_a_supervisor_is_judged_by_its_last_sign_of_life(postgres_url: str, tables: Tables) -> None:
    assert "no supervisor has ever run" in (await finding(postgres_url, "supervisor")).detail
    await tables.execute("insert into leader values ('supervisor', 3, 'host-1', now())")
    assert (await finding(postgres_url, "supervisor")).ok

    await tables.execute("update leader set seen_at = now() - interval '1 minute'")

    found = await finding(postgres_url, "supervisor")
    assert (found.ok, found.detail) == (False, "term 3, host-1, last seen 60 s ago")


async def test_an_old_transaction_that_holds_vacuum_back_is_found(
    postgres_url: str, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tables.transaction():
        await tables.execute("select txid_current()")
        assert (await finding(postgres_url, "vacuum")).ok
        monkeypatch.setattr(doctor, "TRANSACTION_SECONDS_MAX", 0.0)

        found = await finding(postgres_url, "vacuum")

    assert not found.ok
    assert "idle in transaction" in found.detail


async def test_timers_that_are_late_are_found(postgres_url: str, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await add_command(tables, saga, 0, due_in_seconds=-90)
    assert (await finding(postgres_url, "waits")).ok
    await tables.execute("update command set until = now() - interval '90 s'")

    found = await finding(postgres_url, "waits")

    assert not found.ok
    assert found.detail == "1 timers and timeouts of service are over, the oldest for 90 s"
    await tables.execute("update saga set paused = true")
    assert (await finding(postgres_url, "waits")).ok


async def test_an_event_of_which_nobody_has_woken_the_saga_is_found(postgres_url: str, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await tables.execute("insert into inbox (saga, id, name, payload) values ($1, 'r-1', 'review', '1')", saga)
    assert (await finding(postgres_url, "waits")).ok
    await tables.execute("update inbox set at = now() - interval '2 minutes'")

    assert "1 events were sent, and no process has woken" in (await finding(postgres_url, "waits")).detail


async def test_a_schedule_that_no_supervisor_keeps_is_found(postgres_url: str, tables: Tables) -> None:
    spec = '{"definition": "report", "when": {"every": "1h"}}'
    await tables.execute(
        "insert into schedule (name, spec, since, next_at) values ('hourly', $1, now(), now() - interval '2 minutes')",
        spec,
    )

    found = await finding(postgres_url, "schedules")

    assert (found.ok, found.remedy) == (False, "start a supervisor: saga supervisor")
    assert "hourly" in found.detail
    await tables.execute("update schedule set is_paused = true")
    assert (await finding(postgres_url, "schedules")).ok


async def test_stuck_sagas_are_counted(postgres_url: str, tables: Tables) -> None:
    definition = await add_definition(tables)
    for vector in ("SSd", "SSd", "SDP"):
        await add_saga(tables, definition, vector, age_seconds=90)

    found = await finding(postgres_url, "stuck")

    assert (found.ok, found.remedy) == (False, "saga ls --stuck, then saga why ID")
    assert found.detail.startswith("sagas wait for an operator: 2 of order (the oldest for 90")


async def test_a_definition_in_use_that_lacks_a_contract_is_found(postgres_url: str, tables: Tables) -> None:
    await add_definition(tables, "XT")
    await add_contract(tables, "a", "X")
    await add_contract(tables, "b", "J")

    found = await finding(postgres_url, "definitions")

    assert (found.ok, found.detail) == (
        False,
        "order v1: service.b is journaled, and was frozen as transactional",
    )


async def test_an_unused_definition_may_lack_its_contracts(postgres_url: str, tables: Tables) -> None:
    await add_definition(tables, "XX")
    await add_definition(tables, "X", version=2)
    await add_contract(tables, "a", "X")

    assert (await finding(postgres_url, "definitions")).ok


async def test_a_contract_that_requires_more_than_an_input_has_is_named(postgres_url: str, tables: Tables) -> None:
    number = await add_definition(tables, "X")
    await add_contract(tables, "a", "X")
    given = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}
    wanted = {"type": "object", "properties": {"channel": {"type": "string"}}, "required": ["channel"]}
    await tables.execute("update definition set input_schema = $2 where id = $1", number, json.dumps(given))
    assert (await finding(postgres_url, "definitions")).ok
    await tables.execute("update contract set input_schema = $1", json.dumps(wanted))

    found = await finding(postgres_url, "definitions")

    assert (found.ok, found.detail) == (
        False,
        "order v1, step a: service.a requires channel now, which its input lacks",
    )


async def test_a_definition_of_a_later_build_does_not_end_the_checks(postgres_url: str, tables: Tables) -> None:
    await add_definition(tables, "X")
    await add_contract(tables, "a", "X")
    await tables.execute("update contract set input_schema = '{}'")
    await tables.execute("update definition set input_schema = '{}', document = $1", b'{"format": 99}')

    found = await findings(postgres_url)

    assert found["definitions"].ok
    assert list(found)[-1] == "stuck"


async def add_contract(tables: Tables, handler: str, mode: str) -> None:
    await tables.execute(
        "insert into contract (service, handler, mode, has_compensation, has_probe, read_only)"
        " values ('service', $1, $2, true, false, false)",
        handler,
        mode.encode(),
    )
