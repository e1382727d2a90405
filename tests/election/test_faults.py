"""Whatever happens to a leader or to the servers: at most one leads at any time, and soon one does. On real servers and processes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.election.contest import contest
from tests.election.ground import Ground
from tests.runtime.world import until

SLACK_SECONDS = 3.0  # for a machine that does other things, and for servers that look at leases twice a second
pytestmark = pytest.mark.slow


async def test_a_killed_leader_is_replaced_when_its_trust_is_over(ground: Ground, tmp_path: Path) -> None:
    async with contest(ground, tmp_path) as fight:
        assert await fight.killed() < ground.ttl_seconds + SLACK_SECONDS


async def test_a_suspended_leader_is_replaced_and_has_changed_nothing_when_it_goes_on(
    ground: Ground, tmp_path: Path
) -> None:
    async with contest(ground, tmp_path) as fight:
        assert await fight.stopped() < ground.ttl_seconds + SLACK_SECONDS


async def test_a_leader_in_a_black_hole_stops_before_another_one_leads(ground: Ground, tmp_path: Path) -> None:
    async with contest(ground, tmp_path) as fight:
        assert await fight.black_holed() < ground.ttl_seconds + SLACK_SECONDS


async def test_a_successor_leads_within_a_second_of_a_resignation(ground: Ground, tmp_path: Path) -> None:
    async with contest(ground, tmp_path) as fight:
        assert await fight.resigned() < 1


async def test_a_leader_whose_session_is_ended_for_it_has_no_rival_while_it_trusts_itself(
    ground: Ground, tmp_path: Path
) -> None:
    async with contest(ground, tmp_path) as fight:
        assert await fight.robbed() < ground.ttl_seconds + SLACK_SECONDS


async def test_there_is_one_leader_again_after_the_servers_were_killed(ground: Ground, tmp_path: Path) -> None:
    async with contest(ground, tmp_path) as fight:
        await fight.servers_crashed()


async def test_a_wall_clock_that_is_stepped_changes_nothing(ground: Ground, tmp_path: Path) -> None:
    async with contest(ground, tmp_path) as fight:
        leader, first = await fight.arena.leader()
        for _ in range(2):
            leads_on_at = leader.send(signal.SIGUSR2) + ground.ttl_seconds
            await until(lambda: leader.has_said("leads", leads_on_at), "it leads on")  # noqa: B023 (awaited at once)

        assert leader.leading is not None
        assert leader.leading.term == first.term
