"""Under all faults of leaders and servers, at most one candidate leads, and soon one does. Real servers and processes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.election.contest import contest
from tests.election.election_servers import ElectionServers
from tests.runtime.world import until

SLACK_SECONDS = 3.0  # for a busy machine, and for servers that check leases twice a second
pytestmark = pytest.mark.slow


async def test_a_killed_leader_is_replaced_when_its_trust_is_over(servers: ElectionServers, tmp_path: Path) -> None:
    async with contest(servers, tmp_path) as fight:
        assert await fight.killed() < servers.ttl_seconds + SLACK_SECONDS


async def test_a_suspended_leader_is_replaced_and_changes_nothing_when_it_continues(
    servers: ElectionServers, tmp_path: Path
) -> None:
    async with contest(servers, tmp_path) as fight:
        assert await fight.stopped() < servers.ttl_seconds + SLACK_SECONDS


async def test_a_leader_in_a_black_hole_stops_before_another_one_leads(
    servers: ElectionServers, tmp_path: Path
) -> None:
    async with contest(servers, tmp_path) as fight:
        assert await fight.black_holed() < servers.ttl_seconds + SLACK_SECONDS


async def test_a_successor_leads_within_a_second_of_a_resignation(servers: ElectionServers, tmp_path: Path) -> None:
    async with contest(servers, tmp_path) as fight:
        assert await fight.resigned() < 1


async def test_a_leader_whose_session_is_ended_has_no_rival_while_it_trusts_itself(
    servers: ElectionServers, tmp_path: Path
) -> None:
    async with contest(servers, tmp_path) as fight:
        assert await fight.session_ended() < servers.ttl_seconds + SLACK_SECONDS


async def test_there_is_one_leader_again_after_the_servers_were_killed(
    servers: ElectionServers, tmp_path: Path
) -> None:
    async with contest(servers, tmp_path) as fight:
        await fight.servers_crashed()


async def test_stepping_the_wall_clock_changes_nothing(servers: ElectionServers, tmp_path: Path) -> None:
    async with contest(servers, tmp_path) as fight:
        leader, first = await fight.arena.leader()
        for _ in range(2):
            still_leads_at = leader.send(signal.SIGUSR2) + servers.ttl_seconds
            await until(lambda: leader.has_said("leads", still_leads_at), "it still leads")  # noqa: B023 (awaited at once)

        assert leader.leading is not None
        assert leader.leading.term == first.term
