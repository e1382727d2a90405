"""A leader on the minority side of a partition stops, and one on the other side leads. Real servers on a network of their own."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.election.arena import LEAD_SECONDS, Arena
from tests.election.lan import Host, lan
from tests.runtime.world import until
from tests.services.ensemble import Member
from tests.services.etcd import Etcd
from tests.services.places import or_skip
from tests.services.zookeeper import ZooKeeper

pytestmark = pytest.mark.slow
TTL_SECONDS = 2
SERVERS = 3


@pytest.fixture(params=["etcd", "zookeeper"])
def network(request: pytest.FixtureRequest) -> Iterator[tuple[list[Host], str]]:
    """Three servers, each on a host of its own, and the URL of the election."""
    with or_skip(lan(SERVERS)) as hosts, tempfile.TemporaryDirectory(prefix="saga-lan-") as folder:
        members = [Member(host.address, host.inside) for host in hosts]
        servers = (Etcd if request.param == "etcd" else ZooKeeper)(Path(folder), members)
        try:
            servers.start()
            option = "ttl" if request.param == "etcd" else "session"
            yield hosts, f"{servers.url}?{option}={TTL_SECONDS}"
        finally:
            servers.stop()


async def test_a_leader_in_the_minority_stops_before_one_in_the_majority_leads(
    network: tuple[list[Host], str], tmp_path: Path
) -> None:
    hosts, url = network
    async with Arena(tmp_path, f"test_{uuid.uuid4().hex[:8]}") as arena:
        alone = await arena.enter(url, inside=hosts[0].inside)
        await until(lambda: alone.leading, "it leads")
        await arena.enter(url, inside=hosts[1].inside)

        cut_at = time.monotonic()
        hosts[0].cut()
        successor, _ = await arena.leader(other_than=alone, since=cut_at)

        assert alone.has_said("over", cut_at)
        hosts[0].mend()
        successor.kill()
        await until(lambda: alone.leading, "it leads again", seconds=LEAD_SECONDS)
