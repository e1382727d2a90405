"""A shop with sagas in every state that a request may be about, and its API on a port, for an admin who is never asked to wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from saga import Definition, Retry
from saga.api.application import build
from saga.api.principals import LOCAL, Principal, Role
from saga.api.server import _listening, _running
from tests.cli.counter import Counter
from tests.client.test_both import reviewed


async def admin(_: object) -> Principal:
    """The sender of every request: a token that a request has created changes nothing."""
    return Principal("admin", Role.ADMIN, LOCAL)


@asynccontextmanager
async def api_of(shop: Counter) -> AsyncIterator[str]:
    """The address of the API of a shop in which one saga has ended, one is retried, one is stuck, and one waits."""
    ended = await shop.start("order-1")
    await shop.until_vector(ended, "SSS")
    shop.faults["charge"] = ConnectionError("no answer")
    retried = await shop.start("order-2")
    await shop.until(retried, lambda detail: any(command.failures for command in detail.commands.values()))
    fragile = Definition("fragile", version=1)
    fragile.step("payments.charge", pivot=True, retry=Retry(attempts=1))
    for definition in (fragile, reviewed()):
        await shop.sagas.register(definition)
    stuck = (await shop.sagas.start(fragile, {"sku": "A"}, key="stuck")).id
    await shop.until(stuck, lambda detail: detail.state.is_stuck)
    await shop.sagas.start("reviewed", {"sku": "A"}, key="waits")
    with closing(_listening("127.0.0.1", 0, may_move=False)) as listener:
        async with _running(build(shop.away, admin), listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
