"""The election, with real sessions that are cut, suspended and killed."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from saga.errors import Closed, LeadershipLost, SchemaMismatch, Unavailable
from saga.ports.election import Election
from saga_postgres import open_election
from saga_postgres.election import SESSION_IDLE_MS, TRUST_SECONDS
from tests.postgres.rows import Tables

PATIENCE_SECONDS = 10
CANDIDATE = Path(__file__).with_name("candidate.py")
CUT = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and application_name like 'saga election%'"""

Candidates = Callable[[], Election]
T = TypeVar("T")


@pytest.fixture
async def candidate(postgres_url: str, tables: Tables) -> AsyncIterator[Candidates]:  # noqa: ARG001
    """A function that makes elections of one namespace, each with a session of its own."""
    made: list[Election] = []

    def make() -> Election:
        made.append(open_election(postgres_url, "saga"))
        return made[-1]

    yield make
    for election in made:
        await election.close()


@asynccontextmanager
async def other_process(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that leads; its next line is its outcome."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, CANDIDATE, url, "saga", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert (await line_of(process)).startswith("leads")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().strip()


async def within(seconds: float, awaited: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaited, seconds)


async def test_only_one_candidate_leads(candidate: Candidates) -> None:
    await candidate().campaign("first")

    with pytest.raises(TimeoutError):
        await within(1, candidate().campaign("second"))


async def test_a_resignation_makes_another_candidate_lead_at_once(candidate: Candidates) -> None:
    first = candidate()
    leadership = await first.campaign("first")
    waiting = asyncio.create_task(candidate().campaign("second"))
    with pytest.raises(TimeoutError):
        await within(0.6, asyncio.shield(waiting))

    resigned_at = time.monotonic()
    await first.resign(leadership)

    assert (await within(PATIENCE_SECONDS, waiting)).term == leadership.term + 1
    assert time.monotonic() - resigned_at < 0.5


async def test_terms_increase_over_all_candidates(candidate: Candidates) -> None:
    terms = []
    for name in ("first", "second", "first"):
        election = candidate()
        leadership = await election.campaign(name)
        terms.append(leadership.term)
        await election.resign(leadership)

    assert terms == [1, 2, 3]


async def test_the_table_names_the_leader(candidate: Candidates, tables: Tables) -> None:
    election = candidate()
    leadership = await election.campaign("supervisor-1")
    before = await tables.fetchrow("select name, term, holder, seen_at from leader")

    await election.renew(leadership)

    after = await tables.fetchrow("select name, term, holder, seen_at from leader")
    assert before is not None
    assert after is not None
    assert tuple(after)[:3] == ("supervisor election", 1, "supervisor-1")
    assert after["seen_at"] > before["seen_at"]


async def test_a_renewal_is_trusted_from_the_moment_of_asking(candidate: Candidates) -> None:
    election = candidate()
    leadership = await election.campaign("first")
    asked_at = time.monotonic()

    renewed = await election.renew(leadership)

    assert renewed.term == leadership.term
    assert asked_at + TRUST_SECONDS <= renewed.trusted_until < time.monotonic() + TRUST_SECONDS
    assert TRUST_SECONDS < SESSION_IDLE_MS / 1000


async def test_a_leader_whose_session_was_cut_learns_it_and_another_leads(
    candidate: Candidates, tables: Tables
) -> None:
    first = candidate()
    leadership = await first.campaign("first")

    assert await tables.fetchval(CUT) == 1

    assert (await within(PATIENCE_SECONDS, candidate().campaign("second"))).term == leadership.term + 1
    with pytest.raises(LeadershipLost):
        await first.renew(leadership)
    with pytest.raises(LeadershipLost):
        await first.renew(leadership)


async def test_a_process_that_lost_can_campaign_again(candidate: Candidates, tables: Tables) -> None:
    election = candidate()
    leadership = await election.campaign("first")
    await tables.fetchval(CUT)
    with pytest.raises(LeadershipLost):
        await election.renew(leadership)

    assert (await within(PATIENCE_SECONDS, election.campaign("first"))).term == leadership.term + 1


async def test_a_leader_that_does_not_renew_is_replaced(candidate: Candidates) -> None:
    first = candidate()
    leadership = await first.campaign("first")

    successor = await within(PATIENCE_SECONDS, candidate().campaign("second"))

    assert time.monotonic() > leadership.trusted_until
    assert successor.term == leadership.term + 1
    with pytest.raises(LeadershipLost):
        await first.renew(leadership)


async def test_a_suspended_leader_is_replaced_and_learns_it_when_it_goes_on(
    candidate: Candidates, postgres_url: str
) -> None:
    async with other_process(postgres_url) as process:
        process.send_signal(signal.SIGSTOP)
        suspended_at = time.monotonic()

        successor = await within(PATIENCE_SECONDS, candidate().campaign("here"))

        assert time.monotonic() - suspended_at < SESSION_IDLE_MS / 1000 + 1
        assert successor.term == 2
        process.send_signal(signal.SIGCONT)
        assert await line_of(process) == "lost 1"


async def test_a_killed_leader_is_replaced_when_its_trust_is_over_and_no_later(
    candidate: Candidates, postgres_url: str
) -> None:
    async with other_process(postgres_url) as process:
        waiting = asyncio.create_task(candidate().campaign("here"))
        process.kill()
        await process.wait()
        killed_at = time.monotonic()

        await within(PATIENCE_SECONDS, waiting)

        assert time.monotonic() - killed_at < SESSION_IDLE_MS / 1000 + 0.5  # it may have renewed just before


async def test_renewing_keeps_a_leader_in_office_beyond_the_patience_of_the_server(
    candidate: Candidates, postgres_url: str
) -> None:
    async with other_process(postgres_url):
        with pytest.raises(TimeoutError):
            await within(SESSION_IDLE_MS / 1000 + 1, candidate().campaign("here"))


async def test_a_delayed_resignation_of_an_old_term_changes_nothing(candidate: Candidates) -> None:
    election = candidate()
    old = await election.campaign("first")
    await election.resign(old)
    new = await election.campaign("first")

    await election.resign(old)

    assert (await election.renew(new)).term == new.term


async def test_a_renewal_of_an_old_term_is_refused(candidate: Candidates) -> None:
    election = candidate()
    old = await election.campaign("first")
    await election.resign(old)
    new = await election.campaign("first")

    with pytest.raises(LeadershipLost):
        await election.renew(old)

    assert (await election.renew(new)).term == new.term


async def test_a_cancelled_campaign_withdraws_the_candidate(candidate: Candidates, tables: Tables) -> None:
    first = candidate()
    leadership = await first.campaign("first")
    withdrawn = asyncio.create_task(candidate().campaign("second"))
    with pytest.raises(TimeoutError):
        await within(0.5, withdrawn)

    await first.resign(leadership)

    assert (await within(PATIENCE_SECONDS, candidate().campaign("third"))).term == leadership.term + 1
    assert await tables.fetchval("select holder from leader") == "third"


async def test_a_term_that_another_row_has_overtaken_is_over(candidate: Candidates, tables: Tables) -> None:
    election = candidate()
    leadership = await election.campaign("first")
    await tables.execute("update leader set term = term + 1")

    with pytest.raises(LeadershipLost):
        await election.renew(leadership)


async def test_a_renewal_that_gets_no_answer_leaves_the_outcome_open(candidate: Candidates, tables: Tables) -> None:
    election = candidate()
    leadership = await election.campaign("first")

    async with tables.transaction():
        await tables.execute("lock table leader in access exclusive mode")
        with pytest.raises(Unavailable):
            await election.renew(leadership)

    assert (await election.renew(leadership)).term == leadership.term


async def test_namespaces_elect_for_themselves(candidate: Candidates, postgres_url: str, tables: Tables) -> None:
    await tables.execute("create schema other; create table other.leader (like saga.leader including all)")
    other = open_election(postgres_url, "other")
    await candidate().campaign("here")

    assert (await within(PATIENCE_SECONDS, other.campaign("there"))).term == 1

    await other.close()


async def test_a_campaign_without_the_tables_is_refused(postgres_url: str) -> None:
    election = open_election(postgres_url, "saga")

    with pytest.raises(SchemaMismatch, match="saga migrate"):
        await election.campaign("first")


async def test_a_campaign_after_close_is_refused(candidate: Candidates) -> None:
    election = candidate()
    await election.close()
    await election.close()

    with pytest.raises(Closed):
        await election.campaign("first")


async def test_waiting_candidates_hold_no_snapshot(candidate: Candidates, tables: Tables) -> None:
    await candidate().campaign("first")
    waiting = asyncio.create_task(candidate().campaign("second"))
    with pytest.raises(TimeoutError):
        await within(0.5, asyncio.shield(waiting))

    held = await tables.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name like 'saga election%' and (backend_xmin is not null or state <> 'idle')"
        " and clock_timestamp() - state_change > interval '0.3 s'"  # a look from time to time is none
    )

    assert held == 0
    waiting.cancel()
