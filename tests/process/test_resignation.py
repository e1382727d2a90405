"""A supervisor that is stopped hands over to another one at once, in every election."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.election.election_servers import ELECTION_SERVERS
from tests.process.fleet import Fleet
from tests.runtime.world import Sql, until
from tests.services.places import or_skip

SEEN = "select term, holder from leader where name = 'supervisor' and holder is not null and term > $1"


@pytest.fixture(params=["store", "etcd", "zookeeper"])
def election(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of an election, or None for the store's."""
    if request.param == "store":
        yield None
        return
    with or_skip(ELECTION_SERVERS[request.param](1)) as ground:
        yield ground.url


async def test_a_successor_leads_within_a_second_of_sigterm(
    election: str | None, store_url: str, sql: Sql, tmp_path: Path
) -> None:
    settings = {} if election is None else {"election": election}
    async with Fleet(tmp_path, store_url, store_url, **settings) as fleet:
        supervisors = [await fleet.supervisor(), await fleet.supervisor()]
        await until(lambda: sql.fetchrow(SEEN, 0), "one leads")
        term, holder = await sql.fetchrow(SEEN, 0) or (0, "")
        leader = next(one for one in supervisors if holder.endswith(f":{one.pid}"))
        successor = next(one for one in supervisors if one is not leader)
        await until(lambda: '"connected"' in successor.log(), "the other one campaigns")

        told_at = time.monotonic()
        leader.send(signal.SIGTERM)
        await until(lambda: sql.fetchrow(SEEN, term), "the other one leads", seconds=5)

        assert time.monotonic() - told_at < 1
        assert await leader.ended() == 0
