"""Sagas and commands that cannot be decided now do not stop the others: no look, poll or scan has them before it for ever."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from saga import Context, Definition, Participant
from saga.app import App
from saga.core.definition.graph import Graph
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import DefinitionError, NotFound, SagaError, ServerFailed
from saga.ports.values.overdue import BEGINNING, OverdueSaga
from saga.runtime import redrive
from saga.runtime import supervisor as supervisor_module
from saga.runtime.redrive import FROM_BEGINNING_SECONDS, OVERLAP_SECONDS, Walk
from saga.runtime.timing.store_clock import StoreClock
from tests.runtime.world import Gate, Sql, World, slow_saga, until

LOOK = 2
ERRORS = [DefinitionError("of a newer build"), NotFound("gone"), KeyError("format"), ServerFailed("a broken page")]


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (redrive, supervisor_module):
        monkeypatch.setattr(module, "OVERDUE_MAX", LOOK)


def unknown_to(app: App, name: str, monkeypatch: pytest.MonkeyPatch, error: SagaError | KeyError) -> None:
    """Makes a process one of a build that does not know a definition."""
    read = app.process.definitions.graph

    async def graph(number: int) -> Graph:
        found = await read(number)
        if found.name == name:
            raise error
        return found

    monkeypatch.setattr(app.process.definitions, "graph", graph)


def definition_of(name: str, participant: Participant, **options: Any) -> Definition:
    definition = Definition(name, **options)
    definition.step(f"{participant.service}.work")
    return definition


def waiting_service(name: str, gate: Gate) -> Participant:
    service = Participant(name)

    @service.step(external=True)
    async def work() -> None:
        await gate.wait()

    @work.compensation
    async def undo() -> None: ...

    return service


@pytest.mark.parametrize("error", ERRORS)
async def test_a_leader_enforces_deadlines_behind_sagas_of_a_definition_that_its_build_does_not_know(
    any_world: World, monkeypatch: pytest.MonkeyPatch, error: SagaError | KeyError
) -> None:
    gate = Gate()
    service = waiting_service("service", gate)
    worker = await any_world.join(service, redrive=600)
    newer, known = definition_of("newer", service, deadline="1s"), definition_of("known", service, deadline="2s")
    for _ in range(3 * LOOK):
        await worker.start(newer)
    handle = await worker.start(known)
    leader = await any_world.join(scan=0.1)
    unknown_to(leader, "newer", monkeypatch, error)
    await any_world.supervise(leader)

    async def reason() -> str | None:
        return (await worker.snapshot(handle.id)).state.reason

    await until(reason, "its deadline is enforced")
    assert await reason() == "deadline passed"
    gate.open()


async def test_a_process_redrives_behind_sagas_that_its_build_does_not_know(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    service = waiting_service("service", gate)
    worker = await any_world.join(service, redrive=1)
    newer, known = definition_of("newer", service), definition_of("known", service)
    for _ in range(3 * LOOK):
        await worker.start(newer)
    handle = await worker.start(known)
    unknown_to(worker, "newer", monkeypatch, DefinitionError("of a newer build"))

    async def is_redriven() -> bool:
        history = (await worker.process.listing.detail(handle.id)).history
        return any(line.kind == "redriven" for line in history)

    await until(is_redriven, "it is redriven")
    gate.open()


async def test_a_saga_whose_row_is_locked_for_long_does_not_stop_the_looks(
    world: World, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "SETTLED_SECONDS_MAX", 0.5)
    gate = Gate()
    service, definition, undone = slow_saga(gate, "2s")
    sagas = await world.join(service, scan=0.1)
    locked, free = await sagas.start(definition), await sagas.start(definition)
    async with sql.transaction():
        await sql.execute("select from saga where id = $1 for update", locked.id)
        await world.supervise(sagas)

        assert (await free.result(15)).reason == "deadline passed"

    assert (await locked.result(15)).reason == "deadline passed"
    assert undone
    gate.open()


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_a_full_queue_of_one_service_does_not_keep_another_one_of_the_process_waiting(
    any_world: World, order: tuple[str, str]
) -> None:
    done: list[str] = []
    services = {name: Participant(name, concurrency=1) for name in order}
    for service in services.values():

        @service.step(external=True)
        async def work(ctx: Context) -> None:
            await asyncio.sleep(0)
            done.append(str(ctx.saga_id))

    offline = await any_world.join(*services.values())
    full, other = (definition_of(f"of_{name}", services[name]) for name in order)
    for definition in (full, other):
        await offline.register(definition)
    await offline.process.poller.drain(0)
    client = await any_world.join()
    many = [await client.start(full) for _ in range(60)]
    one = await client.start(other)
    await any_world.kill(offline)

    await any_world.join(*services.values())
    await one.result(15)

    assert done.index(str(one.id)) < len(many) / 2


def overdue(wake_at: float) -> OverdueSaga:
    state = State(Phase.RUNNING, "D", rollback_requested=False, paused=False, deadline=None, reason=None)
    return OverdueSaga(UUID(int=1), 1, 1, state, None, frozenset(), frozenset(), frozenset(), 0.0, None, wake_at)


class _Clock:
    """The clock of a process, which a test moves; the store's clock is the same."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def processor_seconds(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def test_a_walk_that_is_through_begins_again_with_the_most_overdue_saga() -> None:
    own, walk = _Clock(), Walk()
    clock = StoreClock(own)
    assert walk.place(clock) == BEGINNING

    walk.passed([overdue(50.0)], clock)
    tail = (100.0 - OVERLAP_SECONDS, redrive.NIL)
    assert walk.place(clock) == tail
    own.seconds += FROM_BEGINNING_SECONDS
    assert walk.place(clock) == BEGINNING


def test_a_walk_goes_to_its_end_however_long_it_takes() -> None:
    own, walk = _Clock(), Walk()
    clock = StoreClock(own)
    walk.place(clock)
    for wake_at in (50.0, 60.0, 70.0):
        walk.passed([overdue(wake_at)] * LOOK, clock)
        own.seconds += FROM_BEGINNING_SECONDS
        assert walk.place(clock) == (wake_at, UUID(int=1))


def test_a_walk_ends_with_the_sagas_that_were_overdue_when_it_began() -> None:
    own, walk = _Clock(), Walk()
    clock = StoreClock(own)
    walk.place(clock)
    own.seconds += FROM_BEGINNING_SECONDS
    walk.passed([overdue(101.0)] * LOOK, clock)
    assert walk.place(clock) == BEGINNING
