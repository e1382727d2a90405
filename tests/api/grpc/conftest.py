"""A shop with its gRPC API on a port of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import pytest

from saga import App
from saga.api.disclosure import Disclosure
from saga.api.grpc.methods import Desk
from saga.api.grpc.server import serving
from saga.api.limits import Limits
from saga.api.live.watcher import Watcher
from saga.api.principals import Principal, Sender
from saga.api.tokens import TokenAuthentication
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.cli.counter import Counter

Recognise = Callable[[Sender], Awaitable[Principal | None]]


async def ready() -> bool:
    return True


@asynccontextmanager
async def address_of(
    away: App, recognise: Recognise | None = None, is_ready: Callable[[], Awaitable[bool]] = ready
) -> AsyncIterator[str]:
    """The gRPC API of an installation, on a port of this machine. `recognise`: in the place of tokens."""
    limits = Limits(away.process.clock.monotonic)
    tokens = TokenAuthentication(away.adapter, away.process.clock, away.process.store_clock, limits)
    disclosure = Disclosure(away.adapter.directory, away.process.clock)
    desk = Desk(away, Watcher(away), disclosure, limits, recognise or tokens.recognise)
    async with serving(desk, "127.0.0.1:0", is_ready) as address:
        yield address


@asynccontextmanager
async def channel_to(
    away: App, recognise: Recognise | None = None, is_ready: Callable[[], Awaitable[bool]] = ready
) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to it."""
    async with (
        address_of(away, recognise, is_ready) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel


@pytest.fixture
async def channel(shop: Counter) -> AsyncIterator[grpc.aio.Channel]:
    async with channel_to(shop.away) as channel:
        yield channel


@pytest.fixture
def sagas(channel: grpc.aio.Channel) -> SagasStub:
    return SagasStub(channel)
