"""Fixtures that provide real servers. Where a server is missing, its tests are skipped with a warning; in CI they fail."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import hypothesis
import pytest
import structlog

from tests.services import postgres as services
from tests.services.places import NOT_TESTED, or_skip

# Otherwise a server that a test starts may hang between fork and exec, once another test of its worker has used gRPC
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
pytest.register_assert_rewrite("saga.testing")  # before anything imports it
_PATIENT = [hypothesis.HealthCheck.too_slow]  # a busy machine is not a fault of a test
hypothesis.settings.register_profile("saga", suppress_health_check=_PATIENT)
hypothesis.settings.register_profile("coverage", suppress_health_check=_PATIENT, deadline=None)  # `make coverage`
hypothesis.settings.load_profile("saga")


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Restores the thresholds of the garbage collector, which a command that runs in this process changes."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Leaves structlog unconfigured: a test that captures its lines leaves it configured, and later lines would not reach `caplog`."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The administrator's URL of a PostgreSQL, one for each test process."""
    with or_skip(services.postgres()) as url:
        yield url


@pytest.fixture
async def fresh_database(postgres_server: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A function that gives the URL of another empty database at each call, for tests with several."""
    async with contextlib.AsyncExitStack() as databases:
        yield lambda: databases.enter_async_context(services.database(postgres_server))


@pytest.fixture
async def postgres_url(fresh_database: Callable[[], Awaitable[str]]) -> str:
    """The URL of an empty database of the test's own."""
    return await fresh_database()


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the database of `postgres_url`."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def pgbouncer_server(postgres_server: str) -> Iterator[str]:
    """The administrator's URL through a PgBouncer in transaction mode."""
    with or_skip(services.pgbouncer(postgres_server)) as url:
        yield url


@pytest.fixture(scope="session")
def silent_pgbouncer_server(postgres_server: str) -> Iterator[str]:
    """The same through one that swallows the settings of a session instead of refusing them."""
    with or_skip(services.pgbouncer(postgres_server, ignored=services.SESSION_SETTINGS)) as url:
        yield url


@pytest.fixture(scope="session")
def session_pgbouncer_server(postgres_server: str) -> Iterator[str]:
    """The administrator's URL through a PgBouncer in session mode."""
    with or_skip(services.pgbouncer(postgres_server, pool_mode="session")) as url:
        yield url


@pytest.fixture
async def pgbouncer_url(pgbouncer_server: str) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own, through a PgBouncer in transaction mode."""
    async with services.database(pgbouncer_server) as url:
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    tables = [value for report in reports for name, value in report.user_properties if name == "simulation"]
    if tables:
        from tests.simulation.counts import summed  # noqa: PLC0415 (later than the suites that it stands beside)

        terminalreporter.section("what the simulation has seen")
        terminalreporter.line(summed(tables).text())
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = {str(place[2]) for place in skipped if isinstance(place, tuple) and NOT_TESTED in place[2]}
    if reasons:
        terminalreporter.section("NOT TESTED AGAINST REAL SERVERS", sep="!", red=True, bold=True)
        for reason in sorted(reasons):
            terminalreporter.line(reason, yellow=True)
