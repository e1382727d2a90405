"""`saga migrate`: the tables of this version."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from saga.cli.log_setup import log_for_people
from saga.cli.store_options import NOWHERE, Where
from saga.errors import UsageError
from saga.loops import run
from saga.settings import Settings
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import CONNECT_TIMEOUT_SECONDS, Connection, checked_namespace, place_of
from saga_postgres.schema.grants import grant
from saga_postgres.schema.migrate import migrate as apply
from saga_postgres.schema.migrate import pending
from saga_postgres.schema.migration import Migration


def migrate(*, role: str | None = None, check: bool = False, json: bool = False, where: Where = NOWHERE) -> int:
    """Bring the tables to this version. Run it before the new version starts; processes of the version before go on working.

    Parameters
    ----------
    role
        Also make this role, if it is missing, and grant it what participants need.
    check
        Change nothing; exit 1 if something is to be done.
    json
        For programs.
    """
    settings = where.settings()
    log_for_people(settings)
    done = run(_migrate(settings, role, check=check))
    _show(settings, done, check=check, as_json=json)
    return 1 if check and done else 0


async def _migrate(settings: Settings, role: str | None, *, check: bool) -> list[Migration]:
    schema = checked_namespace(settings.namespace)
    async with _connection(settings) as connection:
        if check:
            return await pending(connection, schema=schema)
        done = await apply(connection, schema=schema)
        if role is not None:
            await grant(connection, namespace=schema, role=role)
    return done


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    url = settings.store.get_secret_value()
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise UsageError(f"only a postgresql:// store has tables to migrate, not {urlsplit(url).scheme}://")
    with translated(place_of(url)):
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            yield connection
        finally:
            connection.terminate()


def _show(settings: Settings, done: list[Migration], *, check: bool, as_json: bool) -> None:
    place = f"schema {settings.namespace!r} of {place_of(settings.store.get_secret_value())}"
    names = [migration.name for migration in done]
    if as_json:
        print(
            json.dumps(
                {"schema": settings.namespace, "applied": [] if check else names, "pending": names if check else []}
            )
        )
    elif not names:
        print(f"{place} is up to date")
    else:
        print(f"{place}: {'to be applied' if check else 'applied'} {', '.join(names)}")
