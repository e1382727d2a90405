"""roles.sql, run by psql on a real server: the rights of the owner and of the role of the services."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from saga_postgres.connection.pool import Connection
from saga_postgres.schema.grants import grant
from saga_postgres.schema.migrate import migrate

FILE = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"


@pytest.fixture
async def roles(postgres: Connection) -> AsyncIterator[tuple[str, str]]:
    """Names of two roles, which are dropped afterwards, since roles belong to the whole server."""
    owner, role = (f"{kind}_{uuid.uuid4().hex[:12]}" for kind in ("owner", "services"))
    yield owner, role
    for name in (owner, role):
        await postgres.execute("reset role")
        await postgres.execute(f'drop owned by "{name}" cascade; drop role "{name}"')


def run_roles(url: str, owner: str, role: str) -> None:
    psql = shutil.which("psql")
    assert psql is not None, "psql is not on PATH: it comes with PostgreSQL"
    variables = ["-v", "ON_ERROR_STOP=1", "-v", f"owner={owner}", "-v", f"role={role}"]
    done = subprocess.run(
        [psql, "--no-psqlrc", *variables, "-f", str(FILE), url], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr


async def test_the_owner_creates_the_tables_and_the_services_only_use_them(
    postgres: Connection, postgres_url: str, roles: tuple[str, str]
) -> None:
    owner, role = roles
    run_roles(postgres_url, owner, role)
    run_roles(postgres_url, owner, role)  # a second time changes nothing

    await postgres.execute(f'set role "{owner}"')
    await migrate(postgres, schema="saga")
    await grant(postgres, namespace="saga", role=role)
    await postgres.execute(f'reset role; set role "{role}"')

    assert await postgres.fetchval("select count(*) from saga.saga") == 0
    for forbidden in (
        "create table saga.mine ()",
        "drop table saga.saga",
        "delete from saga.audit",
        "create schema mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await postgres.execute(forbidden)
