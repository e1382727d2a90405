"""`saga migrate`: brings the tables to the version of this build."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import print_json
from saga.cli.postgres import check_postgres, connected
from saga.loops import run
from saga.settings import Settings
from saga_postgres.connection.pool import checked_namespace
from saga_postgres.connection.url import place_of
from saga_postgres.schema.grants import grant
from saga_postgres.schema.migrate import migrate as apply
from saga_postgres.schema.migrate import pending
from saga_postgres.schema.migration import Migration


def migrate(
    *,
    role: str | None = None,
    api: Annotated[bool, Parameter(negative=())] = False,
    check: bool = False,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Bring the tables to this version. Run it before you start the new version; processes of the previous version keep working.

    Parameters
    ----------
    role
        Create this role if it is missing, and grant it what participants need.
    api
        Also grant the role what `saga api` needs to read tokens. A participant does not need it.
    check
        Change nothing; exit 1 if a migration is pending.
    """
    settings = store.settings()
    log_for_people(settings)
    migrations = run(_migrate(settings, role, check=check, serves_api=api))
    _show(settings, migrations, check=check, as_json=json)
    return FAILED if check and migrations else DONE


async def _migrate(settings: Settings, role: str | None, *, check: bool, serves_api: bool) -> list[Migration]:
    url, schema = settings.store.get_secret_value(), checked_namespace(settings.namespace)
    check_postgres(url, "only a postgresql:// store has tables to migrate")
    async with connected(url) as connection:
        if check:
            return await pending(connection, schema=schema)
        applied = await apply(connection, schema=schema)
        if role is not None:
            await grant(connection, namespace=schema, role=role, serves_api=serves_api)
    return applied


def _show(settings: Settings, migrations: list[Migration], *, check: bool, as_json: bool) -> None:
    place = f"schema {settings.namespace!r} of {place_of(settings.store.get_secret_value())}"
    names = [migration.name for migration in migrations]
    if as_json:
        applied, pending_names = ([], names) if check else (names, [])
        print_json({"schema": settings.namespace, "applied": applied, "pending": pending_names})
    elif not names:
        print(f"{place} is up to date")
    else:
        print(f"{place}: {'pending' if check else 'applied'} {_named(migrations)}")


def _named(migrations: list[Migration]) -> str:
    """Names the migrations, and counts the functions and views that are replaced with them."""
    names = [migration.name for migration in migrations if migration.number is not None]
    replaced = len(migrations) - len(names)
    if replaced:
        names.append(f"{replaced} files of functions and views")
    return ", ".join(names)
