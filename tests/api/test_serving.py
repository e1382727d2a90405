"""The API on a port, and where it refuses to listen."""

from __future__ import annotations

import socket

import httpx
import pytest

from saga.api.server import served
from saga.errors import UsageError
from tests.cli.counter import Counter


async def test_the_api_is_served_with_the_pages_for_probes(shop: Counter) -> None:
    async with served(shop.away, "127.0.0.1:0") as link, httpx.AsyncClient(base_url=link) as client:
        answers = [await client.get(path) for path in ("/v1/sagas", "/livez", "/readyz", "/metrics")]

    assert [answer.status_code for answer in answers] == [200] * 4


async def test_a_port_in_use_is_named_or_another_one_is_taken(shop: Counter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"api: cannot listen on {address}"):
            async with served(shop.away, address):
                pass
        async with served(shop.away, address, may_move=True) as link:
            assert link != f"http://{address}/"


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "example.org:80"])
async def test_without_tokens_only_this_machine_is_served(shop: Counter, address: str) -> None:
    with pytest.raises(UsageError, match="there are no tokens"):
        async with served(shop.away, address):
            pass
