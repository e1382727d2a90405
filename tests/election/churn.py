"""Candidates that join and leave all the time, each in another way."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.election.contest import contest
from tests.election.ground import Ground
from tests.election.history import reigns_of


async def churn(ground: Ground, folder: Path, candidates: int) -> int:
    """So many join; each time somebody leads he leaves, in order or not, until nobody is left. Returns how many reigns there were."""
    async with contest(ground, folder, candidates) as fight:
        for number in range(candidates):
            leader, _ = await fight.arena.leader()
            if number % 2:
                leader.kill()
            else:
                leader.send(signal.SIGTERM)
                await leader.ended()
            waiting = [one for one in fight.arena.candidates if one.died_at is None]
            if waiting and number % 3 == 0:
                waiting[-1].kill()  # one that never led
            if len(waiting) <= 1:
                break
        return sum(len(reigns_of(one.name, one.notes)) for one in fight.arena.candidates)
