"""The servers of each election, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.election.election_servers import ELECTION_SERVERS, ElectionServers
from tests.services.places import or_skip


@pytest.fixture(params=list(ELECTION_SERVERS), scope="module")
def servers(request: pytest.FixtureRequest) -> Iterator[ElectionServers]:
    with or_skip(ELECTION_SERVERS[request.param](1)) as servers:
        yield servers
