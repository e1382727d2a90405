"""An installation in memory with its API in the same event loop. No socket is opened."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

import saga.api
from saga import memory
from saga.api.principals import Authenticate
from tests.api.described import check_answer
from tests.cli.counter import Counter, counter_on

LOCAL = "http://127.0.0.1:7420"


@asynccontextmanager
async def client_of(counter: Counter, principal: Authenticate | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API of this shop, on this machine. It checks each answer against the description."""
    transport = httpx.ASGITransport(saga.api.asgi(counter.away, principal=principal))
    hooks = {"response": [check_answer]}
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL, event_hooks=hooks) as client:
        yield client


@pytest.fixture
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Counter]:
    """A shop whose handlers do what the test says, on the memory store."""
    url = f"memory://{re.sub('[^a-z0-9]', '-', request.node.name)}"
    async with counter_on(url) as counter:
        yield counter
    memory.forget(url)


@pytest.fixture
async def api(shop: Counter) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(shop) as client:
        yield client
