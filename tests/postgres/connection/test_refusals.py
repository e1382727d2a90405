"""A database that cannot be used is refused in one sentence, with the place and the way out."""

from __future__ import annotations

import re
import socket
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from saga.errors import AccessRefused, SagaError, SchemaMismatch, Unavailable, UsageError
from saga.ports.adapter import StoreOptions
from saga_postgres import open_bus, open_election, open_journal, open_store
from saga_postgres.connection.pool import Pool
from saga_postgres.connection.pooler import is_pooled_at
from saga_postgres.schema.migrate import migrate
from tests.docs.page import ROOT
from tests.postgres.rows import Tables
from tests.services import postgres as services

NAMESPACE = "saga"
OPERATE = ROOT / "docs" / "how-to" / "operate.md"
Opening = Callable[[str], Awaitable[object]]


async def store(url: str) -> None:
    adapter = open_store(url, StoreOptions(namespace=NAMESPACE))
    try:
        await adapter.open()
    finally:
        await adapter.close()


async def bus(url: str) -> None:
    bus = open_bus(url, NAMESPACE)
    try:
        await bus.ensure(["payments"], "payments")
    finally:
        await bus.close()


async def election(url: str) -> None:
    election = open_election(url, NAMESPACE)
    try:
        await election.campaign("supervisor")
    finally:
        await election.close()


async def journal(url: str) -> None:
    journal = open_journal(url, 1, "test")
    try:
        await journal.open()
    finally:
        await journal.close()


everything = pytest.mark.parametrize("opening", [store, bus, election], ids=lambda opening: opening.__name__)
everywhere = pytest.mark.parametrize("opening", [store, bus, election, journal], ids=lambda opening: opening.__name__)


async def refusal(opening: Opening, url: str) -> SagaError:
    """The error of an opening, which is one sentence, names the place and keeps the password to itself."""
    with pytest.raises(SagaError) as failure:
        await opening(url)
    parts, text = urllib.parse.urlsplit(url), str(failure.value)
    assert f"{parts.hostname}:{parts.port}{parts.path}" in text
    assert "\n" not in text
    assert not parts.password or parts.password not in text
    return failure.value


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@everywhere
async def test_a_server_that_does_not_run(opening: Opening, free_port: int) -> None:
    error = await refusal(opening, f"postgresql://saga:secret@127.0.0.1:{free_port}/shop")

    assert isinstance(error, Unavailable)
    assert "check that the server runs" in str(error)


@everywhere
async def test_a_wrong_password(opening: Opening, postgres_url: str) -> None:
    parts = urllib.parse.urlsplit(postgres_url)
    wrong = parts._replace(netloc=f"{parts.username}:not-the-password@{parts.hostname}:{parts.port}").geturl()

    error = await refusal(opening, wrong)

    assert isinstance(error, AccessRefused)
    assert "check user, password" in str(error)


@everywhere
async def test_a_database_that_does_not_exist(opening: Opening, postgres_url: str) -> None:
    error = await refusal(opening, urllib.parse.urlsplit(postgres_url)._replace(path="/no_such").geturl())

    assert isinstance(error, AccessRefused)
    assert '"no_such" does not exist' in str(error)


@everything
async def test_a_schema_that_is_missing(opening: Opening, postgres_url: str) -> None:
    error = await refusal(opening, postgres_url)

    assert isinstance(error, SchemaMismatch)
    assert "`saga migrate`" in str(error)


async def test_an_older_schema(postgres_url: str, tables: Tables) -> None:
    last = await tables.fetchval("select max(version) from schema_migration")
    await tables.execute("delete from schema_migration where version = $1", last)

    error = await refusal(store, postgres_url)

    assert isinstance(error, SchemaMismatch)
    assert f"at migration {last - 1}, but this build needs {last}" in str(error)
    assert "`saga migrate`" in str(error)


async def test_a_newer_schema(postgres_url: str, tables: Tables) -> None:
    last = await tables.fetchval("select max(version) from schema_migration")
    await tables.execute(
        "insert into schema_migration (name, version, sha256, runs_from) values ('future', $1, '', $1)", last + 1
    )

    error = await refusal(store, postgres_url)

    assert isinstance(error, SchemaMismatch)
    assert "newer version of Saga" in str(error)


async def test_a_schema_that_another_product_has_changed(postgres_url: str, tables: Tables) -> None:
    await tables.execute("update schema_migration set sha256 = 'other' where version = 2")

    error = await refusal(store, postgres_url)

    assert isinstance(error, SchemaMismatch)
    assert "edited after it had been applied" in str(error)


@everything
async def test_a_pooler_in_transaction_mode(opening: Opening, pgbouncer_url: str) -> None:
    error = await refusal(opening, pgbouncer_url)

    assert isinstance(error, UsageError)
    assert "use the address of the server itself" in str(error)


@everything
async def test_a_pooler_in_transaction_mode_that_swallows_settings(
    opening: Opening, silent_pgbouncer_server: str
) -> None:
    async with services.database(silent_pgbouncer_server) as url:
        error = await refusal(opening, url)

    assert isinstance(error, UsageError)
    assert "use the address of the server itself" in str(error)


async def test_a_pooler_in_session_mode_that_swallows_settings_is_as_good_as_the_server(postgres_server: str) -> None:
    (ignored,) = re.findall(r"^ignore_startup_parameters = ([^`]+)", OPERATE.read_text(), re.MULTILINE)
    with services.pgbouncer(postgres_server, pool_mode="session", ignored=" ".join(ignored.split())) as server:
        async with services.database(server) as url:
            pool = Pool(url, NAMESPACE, connections_max=1, application="test")
            dedicated = await pool.dedicated(statement_timeout="2000")  # with the settings that the page names
            settings = "select current_setting('search_path'), current_setting('TimeZone'), current_setting('statement_timeout')"

            assert [tuple(row) for row in await pool.fetch(settings)] == [('"saga", pg_temp', "UTC", "30s")]
            assert tuple(await dedicated.fetchrow(settings) or ()) == ('"saga", pg_temp', "UTC", "2s")

            dedicated.terminate()
            await pool.close()


@pytest.fixture
async def stranger(postgres_url: str, tables: Tables) -> AsyncIterator[str]:
    """The URL of a role that may connect and nothing else."""
    name = f"stranger_{(await tables.fetchval('select current_database()'))[-12:]}"
    await tables.execute(f"create role {name} login password 'secret'")
    parts = urllib.parse.urlsplit(postgres_url)
    yield parts._replace(netloc=f"{name}:secret@{parts.hostname}:{parts.port}").geturl()
    await tables.execute(f"drop owned by {name}; drop role {name}")


@everything
async def test_a_role_without_rights(opening: Opening, stranger: str) -> None:
    error = await refusal(opening, stranger)

    assert isinstance(error, AccessRefused | SchemaMismatch)


async def test_a_journal_that_may_not_be_created(stranger: str, tables: Tables) -> None:
    await tables.execute("revoke create on schema public from public")

    with pytest.raises(AccessRefused, match=r"public\.saga_journal is missing and this role may not create it"):
        await journal(stranger)


@pytest.mark.parametrize("namespace", ["", "Shop", "1shop", "shop-1", "a" * 21, 'shop"; drop'])
def test_a_namespace_that_needs_quoting(namespace: str) -> None:
    with pytest.raises(UsageError, match="namespace"):
        open_bus("postgresql://h/d", namespace)


async def test_the_probe_tells_a_pooler_in_transaction_mode_from_everything_else(
    silent_pgbouncer_server: str, session_pgbouncer_server: str, postgres_server: str
) -> None:
    assert await is_pooled_at(silent_pgbouncer_server, timeout_seconds=5)
    assert not await is_pooled_at(session_pgbouncer_server, timeout_seconds=5)
    assert not await is_pooled_at(postgres_server, timeout_seconds=5)


async def test_a_store_on_a_right_schema_opens(postgres_url: str, postgres: asyncpg.Connection[asyncpg.Record]) -> None:
    await migrate(postgres, schema=NAMESPACE)

    await store(postgres_url)
