"""The databases of `saga dev`: the store's tables, and a database for each participant that asks for one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg

from saga.cli.postgres import connected
from saga.errors import UsageError
from saga.runtime.handlers.participant import Participant
from saga.settings import Settings
from saga_postgres.connection.url import PostgresUrl, with_database
from saga_postgres.schema.migrate import migrate

STORE_VARIABLE: Final = "SAGA_STORE"


async def create_databases(settings: Settings, participants: Sequence[Participant], folder: Path) -> None:
    """Creates what is missing, and runs SERVICE.sql of this folder in each database that it has created."""
    store = settings.store.get_secret_value()
    is_new = await _create_database(store, PostgresUrl.read(store).database)
    async with connected(store) as connection:
        await migrate(connection, schema=settings.namespace)
    for participant in participants:
        if participant.database == f"${STORE_VARIABLE}":
            if is_new:
                await _run_file(store, folder / f"{participant.service}.sql")
        elif participant.database is not None and participant.database.startswith("$"):
            await _create_for(participant.service, participant.database.removeprefix("$"), store, folder)


async def _create_for(service: str, variable: str, store: str, folder: Path) -> None:
    """Creates the database of a service, unless the environment names one, and names it in the environment."""
    if os.environ.get(variable):
        return
    url = with_database(store, service)
    if await _create_database(store, service):
        await _run_file(url, folder / f"{service}.sql")
    os.environ[variable] = url


async def _create_database(store: str, name: str) -> bool:
    """Creates a database on the store's server; returns False if it exists, or if the server chooses it by the user."""
    if not name:
        return False
    async with connected(with_database(store, "postgres")) as connection:
        if await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
            return False
        await connection.execute(f'create database "{name}"')
        return True


async def _run_file(url: str, file: Path) -> None:
    if not file.is_file():  # noqa: ASYNC240 (before anything is served)
        return
    sql = file.read_text(encoding="utf-8")  # noqa: ASYNC240
    async with connected(url) as connection:
        try:
            await connection.execute(sql)
        except asyncpg.PostgresError as error:
            raise UsageError(f"{file.name} cannot be run: {error}") from error
