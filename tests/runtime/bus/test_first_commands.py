"""The first commands of a saga: those that its start has not assigned go over the bus, even if a process has room afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from saga import App, memory
from saga.core.rules.decision import Decision
from saga.ports.values.claim import Claim
from saga.ports.values.start import Start
from saga.runtime.planning.start_request import StartRequest
from tests.runtime.bus.test_dispatcher import dispatcher_of, services
from tests.runtime.world import Provider, World


class Room:
    """The room of a process, which changes between the plan of a start and its commit. Counts what is published then."""

    def __init__(self, app: App, *, before: bool) -> None:
        self.is_free = before
        self.published = 0
        self.dispatcher = dispatcher_of(app)
        self.after_start, app.process.starter._after_start = app.process.starter._after_start, self
        app.process.router._capacity = self

    def has_room(self) -> bool:
        return self.is_free

    def started(self, request: StartRequest, decision: Decision, start: Start) -> None:
        self.is_free, waiting = not self.is_free, len(self.dispatcher._outbox)
        self.after_start.started(request, decision, start)
        self.published += len(self.dispatcher._outbox) - waiting

    def handed_over(self, claims: Sequence[Claim]) -> None:
        self.after_start.handed_over(claims)

    def recovered(self) -> None:
        self.after_start.recovered()


@pytest.mark.parametrize("had_room", [True, False])
async def test_a_first_command_is_either_assigned_or_published(any_world: World, *, had_room: bool) -> None:
    bus_url = f"memory://first_commands_{had_room}_{any_world.url[:4]}"
    participants, definition = services(Provider())
    app = await any_world.join(*participants, bus=bus_url)
    await app.register(definition)
    room = Room(app, before=had_room)

    handle = await app.start(definition, "good")

    assert room.published == (0 if had_room else 1)
    assert (await handle.result(10)).is_completed
    memory.forget(bus_url)
