"""kill -9 of processes that are in the middle of something, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from functools import partial
from typing import Final

import asyncpg

from tests.chaos.system.processes import Member
from tests.chaos.system.site import Site
from tests.runtime.world import until

SETTLE_SECONDS = 0.03
WORK_SECONDS = 60.0
BETWEEN_BYTES = 30 * 100  # some thirty sagas, started and ended
AGAIN_SECONDS = 0.02
AWAY_SECONDS_MAX = 0.3
LOOK_SECONDS_MAX = 1.0
HELD = """
select count(*) from command c join participant p on p.id = c.owner
where p.name like '%:' || $1::text and c.lease_until > clock_timestamp()"""


@dataclass(slots=True)
class Kills:
    """The number of kills; `hits` of them met processes that held claims, `claims` in all."""

    kills: int = 0
    hits: int = 0
    claims: int = 0

    async def run(self, site: Site, every_seconds: float) -> None:
        """Kills until cancelled; every process that is killed is started again.

        Some sagas must end between two kills, however slow the machine is: a command that is delivered ten times without an
        answer is quarantined, and rightly.
        """
        while True:
            enough = site.told_bytes() + BETWEEN_BYTES
            await asyncio.sleep(every_seconds)
            await until(partial(_is_told, site, enough), "sagas are done between two kills", seconds=WORK_SECONDS)
            victim = site.chance.choice(site.participants)
            claims = 0
            with contextlib.suppress(*LOST):
                async with asyncio.timeout(LOOK_SECONDS_MAX):
                    claims = await _frozen_with_claims(site, victim)
            if not victim.is_running:
                continue  # it has ended by itself, which the run reports
            victim.kill()
            self.kills += 1
            self.hits += claims > 0
            self.claims += claims
            await asyncio.sleep(site.chance.uniform(0, AWAY_SECONDS_MAX))
            victim.start()


def _is_told(site: Site, enough_bytes: int) -> bool:
    return site.told_bytes() >= enough_bytes


LOST: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Errors of a statement whose server goes away meanwhile."""


async def _frozen_with_claims(site: Site, victim: Member) -> int:
    """Freezes the process when it holds claims; returns how many. It reports nothing while frozen, so the kill hits these claims."""
    async with site.looking() as sql:
        while True:
            if await sql.fetchval(HELD, str(victim.pid)):
                victim.send(signal.SIGSTOP)
                await asyncio.sleep(SETTLE_SECONDS)  # transactions that it had sent come to their end
                if claims := await sql.fetchval(HELD, str(victim.pid)):
                    return int(claims)
                victim.send(signal.SIGCONT)
            await asyncio.sleep(AGAIN_SECONDS)
