"""The servers of each election, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.election.ground import GROUNDS, Ground
from tests.services.places import or_skip


@pytest.fixture(params=list(GROUNDS), scope="module")
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with or_skip(GROUNDS[request.param](1)) as ground:
        yield ground
