"""Requests made from openapi.json: no answer is a bug of the server, each is as described, and each refusal is a problem with a name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.api.conftest import shop  # noqa: F401 (a fixture)
from tests.api.fuzz.requests import Tally, single, stateful
from tests.api.fuzz.shop import api_of
from tests.cli.counter import Counter

SEED = 7
BOUNDS = [(single, 300, 200), (stateful, 100, 300)]
"""Cases, and the requests that they make at least. `make fuzz-api` runs 10,000, on PostgreSQL."""


@pytest.mark.filterwarnings("ignore")  # of the tool, about its own strategies
@pytest.mark.parametrize(("send", "cases", "requests"), BOUNDS, ids=["single", "stateful"])
async def test_no_request_breaks_the_server(
    shop: Counter,  # noqa: F811
    send: Callable[[str, int, int, Tally], None],
    cases: int,
    requests: int,
) -> None:
    tally = Tally()
    async with api_of(shop) as link:
        await asyncio.to_thread(send, link, cases, SEED, tally)

    assert tally.wrong == []
    assert (tally.cases >= cases, sum(tally.statuses.values()) >= requests) == (True, True)
    assert len([name for name, count in tally.operations.items() if count]) > 10, "requests reach something"
