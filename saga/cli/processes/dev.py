"""`saga dev`: everything on one machine, in one process, on an embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import asyncpg
from cyclopts import Parameter

from saga.app import connect
from saga.cli.loading import Loaded, load_targets
from saga.cli.log_setup import log_for_services, until_told
from saga.cli.processes.serve import register
from saga.cli.sample import sample
from saga.cli.store_options import DEV_FILE, NOWHERE, Where
from saga.errors import UsageError
from saga.loops import run, settle
from saga.runtime.handlers.participant import Participant
from saga.settings import Settings, load
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import CONNECT_TIMEOUT_SECONDS, Connection, place_of
from saga_postgres.embedded.server import EmbeddedPostgres
from saga_postgres.schema.migrate import migrate

STORE_DATABASE: Final = "saga"
DATA: Final = Path(".saga/postgres")
STORE_VARIABLE: Final = "SAGA_STORE"


def dev(
    *targets: Annotated[str, Parameter(required=True, negative=())],
    temporary: Annotated[bool, Parameter(negative=())] = False,
    where: Where = NOWHERE,
) -> None:
    """Run everything on this machine: `saga dev shop.py`.

    A PostgreSQL of its own (unless a store is configured), the tables, all participants of the module, its definitions, a supervisor. Where
    a participant asks for `database="$SHOP_DB"` and the environment has none, a database is made; if a file SERVICE.sql lies beside the
    module, it is run in that database once.

    Parameters
    ----------
    targets
        file.py, module or module:name.
    temporary
        Keep no data; without it they are in .saga/postgres.
    """
    with _server(where, is_temporary=temporary) as settings:
        log_for_services(settings)
        os.environ[STORE_VARIABLE] = settings.store.get_secret_value()
        loaded = load_targets(targets)
        folder = Path(targets[0].partition(":")[0]).resolve().parent
        with _remembered(settings):
            run(until_told(_develop(settings, loaded, folder)))


@contextmanager
def _server(where: Where, *, is_temporary: bool) -> Iterator[Settings]:
    """The store that is configured, else an embedded one."""
    if where.store or os.environ.get(STORE_VARIABLE):
        yield where.settings()
        return
    with _embedded(is_temporary=is_temporary) as server:
        url = urlsplit(server.url)._replace(path=f"/{STORE_DATABASE}").geturl()
        yield load(store=url, namespace=where.namespace)


@contextmanager
def _embedded(*, is_temporary: bool) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(None if is_temporary else DATA)
    try:
        try:
            server.start()
        except UsageError as error:  # root in a folder that the server's account cannot reach
            if is_temporary:
                raise
            print(f"saga: {error}; the data are temporary this time", file=sys.stderr)
            server = EmbeddedPostgres()
            server.start()
        yield server
    finally:
        server.close()


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Connection]:
    place = place_of(url)
    with translated(place):
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        with translated(place):
            yield connection
    finally:
        connection.terminate()


@contextmanager
def _remembered(settings: Settings) -> Iterator[None]:
    """Other commands in this folder find the store, as long as we run."""
    DEV_FILE.parent.mkdir(exist_ok=True)
    document = {
        "store": settings.store.get_secret_value(), "namespace": settings.namespace, "pid": os.getpid(),
    }  # fmt: skip
    DEV_FILE.touch(mode=0o600)
    DEV_FILE.write_text(json.dumps(document), encoding="utf-8")
    try:
        yield
    finally:
        DEV_FILE.unlink(missing_ok=True)


async def _develop(settings: Settings, loaded: Loaded, folder: Path) -> None:
    await _prepare(settings, loaded.participants, folder)
    async with connect(settings=settings) as app, app.serve(*loaded.participants):
        settle()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(app.supervisor().run())
            tasks.create_task(app.process.broken())
            await register(app, loaded.definitions, overwrite=True)
            print(_greeting(settings, loaded), flush=True)


async def _prepare(settings: Settings, participants: Sequence[Participant], folder: Path) -> None:
    """The databases that are asked for, each with its service's own tables."""
    store = settings.store.get_secret_value()
    is_new = await _made(store, urlsplit(store).path.lstrip("/"))
    async with _connection(store) as connection:
        await migrate(connection, schema=settings.namespace)
    for participant in participants:
        if participant.database == f"${STORE_VARIABLE}":
            if is_new:
                await _run_file(store, folder / f"{participant.service}.sql")
        elif participant.database is not None and participant.database.startswith("$"):
            await _prepare_database(store, participant, folder)


async def _prepare_database(store: str, participant: Participant, folder: Path) -> None:
    assert participant.database is not None  # noqa: S101 (the caller looked)
    variable = participant.database[1:]
    if os.environ.get(variable):
        return
    url = urlsplit(store)._replace(path=f"/{participant.service}").geturl()
    if await _made(store, participant.service):
        await _run_file(url, folder / f"{participant.service}.sql")
    os.environ[variable] = url


async def _made(store: str, name: str) -> bool:
    """Make a database on the store's server if it is missing; whether it was."""
    async with _connection(urlsplit(store)._replace(path="/postgres").geturl()) as connection:
        if await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
            return False
        await connection.execute(f'create database "{name}"')
        return True


async def _run_file(url: str, file: Path) -> None:
    if not file.is_file():  # noqa: ASYNC240 (before anything is served)
        return
    sql = file.read_text(encoding="utf-8")  # noqa: ASYNC240
    async with _connection(url) as connection:
        try:
            await connection.execute(sql)
        except asyncpg.PostgresError as error:
            raise UsageError(f"{file.name} cannot be run: {error}") from error


def _greeting(settings: Settings, loaded: Loaded) -> str:
    rows = [f"\n{participant.service:<14} {', '.join(participant.handlers)}" for participant in loaded.participants]
    rows.append("\n\nIn another terminal, in this folder:\n")
    rows += [f"\n  saga start {found.name} '{json.dumps(sample(found))}' --wait" for found in loaded.definitions]
    rows.append("\n  saga ls\n")
    rows.append(f"\nElsewhere: export {STORE_VARIABLE}={settings.store.get_secret_value()}\n")
    return "".join(rows)
