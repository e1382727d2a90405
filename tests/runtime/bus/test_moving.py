"""An installation moves from one bus to another, or from one key to the next, while it works."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from saga import memory
from saga.app import connect
from saga.errors import UsageError
from saga.settings import Settings
from tests.runtime.bus.moving_fleet import SAGAS_A_PHASE, MovingFleet
from tests.services import postgres as services

OLD, NEW = "old=" + "o" * 40, "new=" + "n" * 40


async def test_an_installation_moves_to_another_bus_and_loses_no_saga(
    store_url: str, postgres_server: str, migrated_template: str
) -> None:
    old = "memory://moving"
    async with services.database(postgres_server, template=migrated_template) as new, MovingFleet(store_url) as fleet:
        await fleet.move(old, new)
    memory.forget(old)


async def test_keys_are_rotated_under_load(store_url: str) -> None:
    bus = "memory://rotation"
    async with MovingFleet(store_url) as fleet:
        await fleet.replace_all(bus=bus, signing=OLD)
        fleet.begin()
        for keys in (f"{OLD} {NEW}", f"{NEW} {OLD}", NEW):
            await fleet.more(SAGAS_A_PHASE)
            await fleet.replace_all(bus=bus, signing=keys)
        await fleet.more(SAGAS_A_PHASE)

        assert await fleet.finish() == []
        assert len(fleet.started) >= 4 * SAGAS_A_PHASE
        assert fleet.refused() == {}
    memory.forget(bus)


async def test_only_a_bus_can_be_moved_to() -> None:
    settings = Settings(store=SecretStr("memory://only"), also_consume=[SecretStr("memory://old")])

    with pytest.raises(UsageError, match="needs a bus"):
        async with connect(settings=settings):
            pass
    memory.forget("memory://only")
