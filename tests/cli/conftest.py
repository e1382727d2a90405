"""Runs commands in this process or in another one, against a store that has its tables."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import structlog

from saga.cli import main
from tests.cli.counter import Counter, counter_on
from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this folder)

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]
AsyncCommand = Callable[..., Awaitable[Ran]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Command]:
    """Runs `saga` with these arguments, in an empty folder and without settings from the environment."""
    for name in ("SAGA_STORE", "SAGA_NAMESPACE", "SAGA_CONFIG", "SAGA_BUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    handlers = logging.getLogger().handlers

    def run(*arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
        return Ran(code, out.getvalue(), err.getvalue())

    yield run
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers


@pytest.fixture
def store(store_url: str) -> str:  # noqa: F811
    """The URL of a store that has its tables."""
    return store_url


@pytest.fixture
async def postgres(store: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the database of `store`."""
    connection = await asyncpg.connect(store)
    yield connection
    await connection.close()


@pytest.fixture
async def counter(store: str) -> AsyncIterator[Counter]:
    """A shop whose handlers do what the test says."""
    async with counter_on(store) as counter:
        yield counter


@pytest.fixture
def apart(tmp_path: Path) -> AsyncCommand:
    """Runs a command in a process of its own, while this process goes on."""

    async def run(*arguments: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "saga.cli", *arguments, cwd=tmp_path, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    return run


@pytest.fixture
async def older_store(store: str, postgres: asyncpg.Connection[asyncpg.Record]) -> str:
    """A store that lacks the last migration."""
    await postgres.execute(
        "delete from saga.schema_migration where version = (select max(version) from saga.schema_migration)"
    )
    return store


@pytest.fixture
async def newer_store(store: str, postgres: asyncpg.Connection[asyncpg.Record]) -> str:
    """A store that a later version has migrated, and that refuses older versions."""
    await postgres.execute(
        "insert into saga.schema_migration (version, name, sha256, runs_from) values (9999, 'later', '', 9999)"
    )
    return store
