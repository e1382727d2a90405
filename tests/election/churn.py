"""Candidates that keep leaving, each in another way."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.election.contest import contest
from tests.election.election_servers import ElectionServers
from tests.election.history import trusted_terms_of


async def churn(servers: ElectionServers, folder: Path, candidates: int) -> int:
    """Starts this many candidates. Each leader resigns or is killed, until none is left. Returns the number of terms."""
    async with contest(servers, folder, candidates) as fight:
        for number in range(candidates):
            leader, _ = await fight.arena.leader()
            if number % 2:
                leader.kill()
            else:
                leader.send(signal.SIGTERM)
                await leader.ended()
            waiting = [one for one in fight.arena.candidates if one.died_at is None]
            if waiting and number % 3 == 0:
                waiting[-1].kill()  # this one never led
            if len(waiting) <= 1:
                break
        return sum(len(trusted_terms_of(one.name, one.notes)) for one in fight.arena.candidates)
