"""A process that campaigns, leads and renews, and says on its standard output how it fares."""

from __future__ import annotations

import asyncio
import sys

from saga.errors import LeadershipLost
from saga.ports.clock import SystemClock
from saga_postgres import open_election

RENEW_SECONDS = 0.2


async def main(url: str, namespace: str) -> None:
    election, clock = open_election(url, namespace), SystemClock()
    leadership = await election.campaign("the other process")
    print("leads", leadership.term, flush=True)  # noqa: T201
    try:
        while True:
            await clock.sleep(RENEW_SECONDS)
            leadership = await election.renew(leadership)
    except LeadershipLost:
        print("lost", leadership.term, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
