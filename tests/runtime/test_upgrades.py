"""Definitions that an older build has registered, under a build with other default retries."""

from __future__ import annotations

from typing import Any

import pytest

from saga import Conflict, Definition, Participant, Retry
from saga.authoring.retry import FORMER_ATTEMPTS
from tests.runtime.world import World


def shop() -> Participant:
    service = Participant("shop")

    @service.step(external=True)
    async def charge(value: Any) -> str:
        return "charged"

    return service


def order(retry: Retry = Retry(), *, timeout: str = "30s") -> Definition[Any]:  # noqa: B008 (frozen)
    definition: Definition[Any] = Definition("order")
    definition.returns(definition.step("shop.charge", retry=retry, timeout=timeout).output)
    return definition


async def test_a_version_that_an_older_build_registered_keeps_its_default_retries(any_world: World) -> None:
    sagas = await any_world.join(shop())
    directory = sagas.process.directory
    former = order().graph(await directory.contracts(), FORMER_ATTEMPTS)
    number = await directory.register(former, None, activate=True, overwrite=False)
    assert await sagas.register(order()) == number
    assert (await directory.find("order", 1))[1].hash == former.hash
    assert (await (await sagas.start(order())).result(10)).value == "charged"


@pytest.mark.parametrize("changed", [order(Retry(attempts=7)), order(timeout="1s")], ids=["retry", "timeout"])
async def test_any_other_difference_is_a_conflict_as_before(any_world: World, changed: Definition[Any]) -> None:
    sagas = await any_world.join(shop())
    former = order().graph(await sagas.process.directory.contracts(), FORMER_ATTEMPTS)
    await sagas.process.directory.register(former, None, activate=True, overwrite=False)
    with pytest.raises(Conflict, match="order"):
        await sagas.register(changed)
