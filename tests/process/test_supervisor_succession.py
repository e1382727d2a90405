"""Supervisors that are stopped, and their successors."""

from __future__ import annotations

import json
import signal
import time
from datetime import datetime

from tests.process.fleet import Fleet, Member
from tests.runtime.world import Sql, until

HAND_OVER_SECONDS = 1.0
LEADER = "select term from leader where name = 'supervisor'"


async def test_on_sigterm_a_successor_leads_within_a_second(fleet: Fleet, sql: Sql) -> None:
    first = await fleet.supervisor()
    await until(lambda: leads(first), "the first one leads")
    second, third = await fleet.supervisor(), await fleet.supervisor()
    before = await sql.fetchval(LEADER)

    told_at = time.time()
    first.send(signal.SIGTERM)
    await until(lambda: leads(second) or leads(third), "a successor leads")

    led = leads(second) or leads(third)
    assert led is not None
    term, at = led
    assert term == before + 1
    assert at - told_at < HAND_OVER_SECONDS
    assert await first.ended() == 0


def leads(member: Member) -> tuple[int, float] | None:
    """Its latest term, and when that began (seconds since the epoch); None if it has never led."""
    lines = [json.loads(line) for line in member.log().splitlines() if '"leading"' in line]
    if not lines:
        return None
    return lines[-1]["term"], _seconds(lines[-1]["at"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
