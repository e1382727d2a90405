"""A stand-in for Kinesis, and a database for the leases."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from saga_kinesis.bus import KinesisBus
from saga_kinesis.readers.lease_table import LeaseTable
from tests.kinesis.connections import connected
from tests.kinesis.operator import Operator
from tests.services import kinesis as services
from tests.services.places import or_skip
from tests.services.postgres import administer, with_database


@pytest.fixture(scope="session")
def kinesis_endpoint() -> Iterator[str]:
    """One stand-in for each test process; each test has its own prefix."""
    with or_skip(services.kinesis()) as endpoint:
        yield endpoint


@pytest.fixture
def kinesalite() -> Iterator[services.Kinesalite]:
    """A stand-in for this test alone, which it may kill."""
    with or_skip(services.Kinesalite()) as server:
        yield server


@pytest.fixture(scope="session")
def leases_url(postgres_server: str) -> Iterator[str]:
    """One database with the lease tables of namespace `saga` for each test process; streams have names of their own."""
    name = f"leases_{uuid.uuid4().hex}"
    asyncio.run(_make_leases(postgres_server, name))
    yield with_database(postgres_server, name)
    asyncio.run(administer(postgres_server, f'drop database "{name}" with (force)'))


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def bus_url(kinesis_endpoint: str, leases_url: str, prefix: str) -> str:
    """The URL of a bus for this test alone."""
    return services.bus_url(kinesis_endpoint, leases_url, prefix=prefix)


@pytest.fixture
async def operator(bus_url: str) -> AsyncIterator[Operator]:
    async with Operator(bus_url) as operator:
        yield operator


@pytest.fixture
async def buses(bus_url: str) -> AsyncIterator[list[KinesisBus]]:
    """Three connections to a stream of two shards."""
    async with connected(f"{bus_url}&shards=2", 3) as opened:
        yield opened


@pytest.fixture
async def table(leases_url: str) -> AsyncIterator[LeaseTable]:
    table = LeaseTable(leases_url, "saga")
    yield table
    await table.close()


async def _make_leases(server_url: str, name: str) -> None:
    await administer(server_url, f'create database "{name}" template template0')
    table = LeaseTable(with_database(server_url, name), "saga")
    await table.migrate()
    await table.close()
