"""A stand-in for Kinesis, and a database for the leases."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import asyncpg
import pytest

from saga_kinesis.leases import MIGRATIONS
from saga_postgres.migrate import migrate
from tests.services import kinesis as services
from tests.services.places import or_skip

pytest.register_assert_rewrite("saga.testing")


@pytest.fixture(scope="session")
def kinesis_endpoint() -> Iterator[str]:
    """One stand-in for each test process; a test has a prefix of its own on it."""
    with or_skip(services.kinesis()) as endpoint:
        yield endpoint


@pytest.fixture
def kinesalite() -> Iterator[services.Kinesalite]:
    """A stand-in of the test's own, to be killed."""
    with or_skip(services.Kinesalite()) as server:
        yield server


@pytest.fixture
async def leases_url(postgres_url: str) -> str:
    """A database with the lease tables of namespace `saga`."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await migrate(connection, schema="saga_kinesis", source=MIGRATIONS)
    finally:
        await connection.close()
    return postgres_url


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def bus_url(kinesis_endpoint: str, leases_url: str, prefix: str) -> str:
    """The URL of a bus that nobody else uses."""
    return services.bus_url(kinesis_endpoint, leases_url, prefix=prefix)
