"""The log of a process has each step where its reader wants DEBUG lines."""

from __future__ import annotations

import logging

import pytest

from saga import Definition, Participant
from tests.runtime.world import World


@pytest.mark.parametrize(("level", "is_logged"), [(logging.DEBUG, True), (logging.INFO, False)])
async def test_each_step_is_logged_if_the_logger_is_set_to_debug(
    any_world: World, caplog: pytest.LogCaptureFixture, level: int, *, is_logged: bool
) -> None:
    caplog.set_level(level, "saga.participant")
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def work() -> None: ...

    definition = Definition("working")
    definition.step("service.work")
    sagas = await any_world.join(service)
    await (await sagas.start(definition)).result(10)
    assert ("step done" in caplog.text) == is_logged
