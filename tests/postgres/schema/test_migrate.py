"""Migrations against a real PostgreSQL, with files of the tests' own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from saga.errors import Locked, SchemaMismatch, UsageError
from saga_postgres.schema import migrate as migrate_module
from saga_postgres.schema.migrate import check, migrate, pending
from saga_postgres.schema.migration import read_migrations
from saga_postgres.statements import SQL
from tests.runtime.world import until

FIRST = "create table a (id integer); insert into a values (1);"
SECOND = "alter table a add column name text; create function f() returns integer language sql return 1;"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_tables.sql").write_text(FIRST)
    (folder / "0002_names.sql").write_text(SECOND)
    (folder / "README.md").write_text("not a migration")
    return tmp_path


async def test_missing_files_are_applied_in_order(postgres: asyncpg.Connection, files: Path) -> None:
    applied = await migrate(postgres, schema="saga", source=files)

    assert [file.name for file in applied] == ["0001_tables", "0002_names"]
    assert await postgres.fetchval("select saga.f()") == 1


async def test_a_second_run_applies_nothing(postgres: asyncpg.Connection, files: Path) -> None:
    await migrate(postgres, schema="saga", source=files)

    assert await migrate(postgres, schema="saga", source=files) == []


async def test_two_schemas_of_one_database_are_apart(postgres: asyncpg.Connection, files: Path) -> None:
    await migrate(postgres, schema="left", source=files)
    await migrate(postgres, schema="right", source=files)

    await postgres.execute('delete from "left".a')
    assert await postgres.fetchval('select count(*) from "right".a') == 1


async def test_five_racing_runners_apply_every_file_once(postgres_url: str, files: Path) -> None:
    runners = [await asyncpg.connect(postgres_url) for _ in range(5)]

    shares = await asyncio.gather(*(migrate(runner, schema="saga", source=files) for runner in runners))

    assert sorted(file.name for share in shares for file in share) == ["0001_tables", "0002_names"]
    for runner in runners:
        await runner.close()


async def test_a_migration_behind_a_backup_blocks_nobody(
    postgres: asyncpg.Connection, postgres_url: str, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    second = files / "migrations" / "0002_names.sql"
    text = second.read_text()
    second.unlink()
    await migrate(postgres, schema="saga", source=files)
    second.write_text(text)
    backup, user = [await asyncpg.connect(postgres_url) for _ in range(2)]
    async with backup.transaction():
        await backup.execute("lock table saga.a in access share mode")
        running = asyncio.create_task(migrate(postgres, schema="saga", source=files))
        await until(lambda: "is tried again without blocking others: in 0002_names.sql" in caplog.text, "it has tried")
        assert await user.fetchval("select count(*) from saga.a", timeout=5) == 1
        assert not running.done()

    assert [file.name for file in await running] == ["0002_names"]
    await backup.close()
    await user.close()


async def test_a_migration_that_never_gets_its_locks_says_so(
    postgres: asyncpg.Connection, postgres_url: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "LOCK_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(migrate_module, "LOCK_TRIES_MAX", 2)
    third = files / "migrations" / "0003_more.sql"
    await migrate(postgres, schema="saga", source=files)
    third.write_text("alter table a add column more text")
    backup = await asyncpg.connect(postgres_url)
    async with backup.transaction():
        await backup.execute("lock table saga.a in access share mode")
        with pytest.raises(Locked, match=r"at each of 2 tries an open transaction held a table .*in 0003_more\.sql"):
            await migrate(postgres, schema="saga", source=files)

    assert [file.name for file in await migrate(postgres, schema="saga", source=files)] == ["0003_more"]
    await backup.close()


async def test_a_bad_file_is_rolled_back_as_a_whole(postgres: asyncpg.Connection, files: Path) -> None:
    (files / "migrations/0003_bad.sql").write_text("create table z (id integer); select 1/0;")

    with pytest.raises(asyncpg.DivisionByZeroError) as failure:
        await migrate(postgres, schema="saga", source=files)

    assert "0003_bad.sql" in failure.value.__notes__[0]
    assert await postgres.fetchval("select to_regclass('saga.z')") is None


async def test_files_before_a_bad_one_stay(postgres: asyncpg.Connection, files: Path) -> None:
    (files / "migrations/0003_bad.sql").write_text("select 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(postgres, schema="saga", source=files)

    assert [file.number for file in await pending(postgres, schema="saga", source=files)] == [3]


async def test_a_file_edited_after_it_was_applied_is_refused(postgres: asyncpg.Connection, files: Path) -> None:
    await migrate(postgres, schema="saga", source=files)
    (files / "migrations/0001_tables.sql").write_text(FIRST + "-- one more thing")

    with pytest.raises(SchemaMismatch, match=r"0001_tables\.sql was edited after"):
        await migrate(postgres, schema="saga", source=files)


async def test_a_newer_schema_without_a_promise_is_refused(postgres: asyncpg.Connection, files: Path) -> None:
    await migrate(postgres, schema="saga", source=files)
    (files / "migrations/0002_names.sql").unlink()

    with pytest.raises(SchemaMismatch, match=r"at migration 2 .* this one knows 1"):
        await check(postgres, "saga", source=files)
    with pytest.raises(SchemaMismatch, match="needs a newer version of Saga"):
        await migrate(postgres, schema="saga", source=files)


async def test_a_newer_schema_that_promises_to_run_this_build_is_accepted(
    postgres: asyncpg.Connection, files: Path
) -> None:
    (files / "migrations/0002_names.sql").write_text(f"-- runs with builds from: 1\n{SECOND}")
    await migrate(postgres, schema="saga", source=files)
    (files / "migrations/0002_names.sql").unlink()

    await check(postgres, "saga", source=files)
    assert await migrate(postgres, schema="saga", source=files) == []


async def test_a_schema_without_tables_is_refused(postgres: asyncpg.Connection, files: Path) -> None:
    with pytest.raises(SchemaMismatch, match="has no Saga tables"):
        await check(postgres, "saga", source=files)


async def test_an_older_schema_is_refused(postgres: asyncpg.Connection, files: Path) -> None:
    await migrate(postgres, schema="saga", source=files)
    (files / "migrations/0003_more.sql").write_text("create table b (id integer)")

    with pytest.raises(SchemaMismatch, match="at migration 2, but this build needs 3"):
        await check(postgres, "saga", source=files)


async def test_an_up_to_date_schema_is_accepted(postgres: asyncpg.Connection, files: Path) -> None:
    await migrate(postgres, schema="saga", source=files)

    await check(postgres, "saga", source=files)


@pytest.mark.parametrize("name", ["0002_again.sql", "0004_gap.sql"])
async def test_a_gap_or_a_repetition_in_the_numbers_is_refused(
    postgres: asyncpg.Connection, files: Path, name: str
) -> None:
    (files / "migrations" / name).write_text("select 1")

    with pytest.raises(UsageError, match="without a gap or a repetition"):
        await migrate(postgres, schema="saga", source=files)


async def test_a_schema_name_that_needs_quoting_is_refused(postgres: asyncpg.Connection, files: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a schema"):
        await migrate(postgres, schema='saga"; drop', source=files)


async def test_a_role_without_the_right_to_create_schemas_can_migrate_its_own(
    postgres: asyncpg.Connection, files: Path
) -> None:
    await postgres.execute("create role keeper; create schema saga authorization keeper; set role keeper")

    try:
        assert len(await migrate(postgres, schema="saga", source=files)) == 2
    finally:
        await postgres.execute("reset role; drop owned by keeper cascade; drop role keeper")


async def test_it_works_through_a_pooler_in_transaction_mode(pgbouncer_url: str, files: Path) -> None:
    connection = await asyncpg.connect(pgbouncer_url, statement_cache_size=0)

    assert len(await migrate(connection, schema="saga", source=files)) == 2

    await connection.close()


async def test_our_own_files_apply_and_satisfy_this_build(postgres: asyncpg.Connection) -> None:
    applied = await migrate(postgres, schema="saga")

    sources = [entry.name for folder in ("migrations", "functions", "views") for entry in (SQL / folder).iterdir()]
    assert sorted(f"{file.name.rpartition('/')[2]}.sql" for file in applied) == sorted(sources)
    await check(postgres, "saga")


PATHS = """
select distinct path from pg_proc p, unnest(p.proconfig) as path
where p.pronamespace = 'saga'::regnamespace and path ~ '^search_path='"""


async def test_every_function_looks_for_temporary_tables_last(postgres: asyncpg.Connection) -> None:
    await migrate(postgres, schema="saga")
    await postgres.execute("alter function saga.leave set search_path = saga")  # as earlier builds left it
    mending = next(file for file in read_migrations(SQL) if file.number == 3)

    async with postgres.transaction():
        await postgres.execute("set local search_path = saga")
        await postgres.execute(mending.sql)

    assert [row["path"] for row in await postgres.fetch(PATHS)] == ["search_path=saga, pg_temp"]


VERSION = "create or replace function v() returns integer language sql return {};"


@pytest.fixture
def repeatable(files: Path) -> Path:
    """The files, with a function that returns 1 and a view of it."""
    for folder in ("functions", "views", "snippets"):
        (files / folder).mkdir()
    (files / "views" / "now.sql").write_text("create or replace view now as select v() as version;")
    return returning("1", files)


def returning(value: str, files: Path) -> Path:
    (files / "functions" / "version.sql").write_text(VERSION.format(value))
    return files


async def test_repeatable_files_are_applied_after_the_migrations_and_views_last(
    postgres: asyncpg.Connection, repeatable: Path
) -> None:
    applied = await migrate(postgres, schema="saga", source=repeatable)

    assert [file.name for file in applied] == ["0001_tables", "0002_names", "functions/version", "views/now"]
    assert await migrate(postgres, schema="saga", source=repeatable) == []


async def test_a_repeatable_file_is_applied_again_when_its_text_has_changed(
    postgres: asyncpg.Connection, repeatable: Path
) -> None:
    await migrate(postgres, schema="saga", source=repeatable)
    returning("2", repeatable)

    with pytest.raises(SchemaMismatch, match=r"other functions or views .* \(functions/version\)"):
        await check(postgres, "saga", source=repeatable)
    assert [file.name for file in await migrate(postgres, schema="saga", source=repeatable)] == ["functions/version"]
    assert await postgres.fetchval("select version from saga.now") == 2


async def test_an_older_build_leaves_the_functions_of_a_newer_one_alone(
    postgres: asyncpg.Connection, repeatable: Path
) -> None:
    newer = repeatable / "migrations/0003_faster.sql"
    newer.write_text("-- runs with builds from: 2\n")
    returning("3", repeatable)
    await migrate(postgres, schema="saga", source=repeatable)
    newer.unlink()
    returning("2", repeatable)

    await check(postgres, "saga", source=repeatable)
    assert await migrate(postgres, schema="saga", source=repeatable) == []
    assert await postgres.fetchval("select version from saga.now") == 3


async def test_repeatable_files_are_applied_all_or_none(postgres: asyncpg.Connection, repeatable: Path) -> None:
    await migrate(postgres, schema="saga", source=repeatable)
    returning("2", repeatable)
    (repeatable / "views" / "now.sql").write_text("create or replace view now as select missing();")

    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(postgres, schema="saga", source=repeatable)
    assert await postgres.fetchval("select saga.v()") == 1


async def test_a_part_that_files_share_is_included_and_its_change_applies_them_again(
    postgres: asyncpg.Connection, repeatable: Path
) -> None:
    returning("(\n    -- include: number\n)", repeatable)
    (repeatable / "snippets" / "numbers.sql").write_text("-- name: number\n-- The version.\n7\n")
    await migrate(postgres, schema="saga", source=repeatable)
    assert await postgres.fetchval("select saga.v()") == 7
    (repeatable / "snippets" / "numbers.sql").write_text("-- name: number\n-- The version.\n8\n")

    await migrate(postgres, schema="saga", source=repeatable)

    assert await postgres.fetchval("select saga.v()") == 8
