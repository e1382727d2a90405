"""Steps that are delivered again and again without an answer: one kills its process, the others were only there."""

from __future__ import annotations

import pytest

from saga import Definition, NotYet, Participant, Retry
from saga.app import App
from saga.client import Handle
from saga.runtime.claims import isolation
from saga.runtime.claims.isolation import ISOLATED_ATTEMPTS_MAX, SUSPECT_AFTER
from tests.runtime.world import Gate, Sql, World, until


async def test_a_command_that_kills_its_process_again_and_again_is_quarantined(world: World, sql: Sql) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def poison(word: str) -> str:
        if word == "poison":
            await gate.wait()
        return word

    definition = Definition("poisoned", input=str)
    definition.returns(definition.step("service.poison", pivot=True).output)
    client = await world.join(lease=2)
    victim = await world.join(service, lease=2)
    await client.register(definition)
    handle = await client.start(definition, "poison")
    deaths = SUSPECT_AFTER + ISOLATED_ATTEMPTS_MAX
    for delivery in range(1, deaths + 1):
        await until(lambda n=delivery: gate.reached == n, f"delivery {delivery}")  # type: ignore[misc]
        counted = await sql.fetchrow("select deliveries, isolated_attempts from command")
        assert tuple(counted or ()) == (delivery, max(delivery - SUSPECT_AFTER, 0))
        await world.kill(victim)
        victim = await world.join(service, lease=2)
    stuck = "select vector = 'd' from saga where id = $1"
    await until(lambda: sql.fetchval(stuck, handle.id), "it is quarantined")
    assert gate.reached == deaths
    assert (await (await client.start(definition, "harmless")).result(10)).value == "harmless"


async def test_a_command_that_was_there_when_many_processes_died_is_run_all_the_same(world: World, sql: Sql) -> None:
    service = Participant("service")

    @service.step(external=True)
    async def act() -> str:
        return "innocent"

    definition = Definition("unlucky")
    definition.returns(definition.step("service.act").output)
    _, handle = await suspected(world, service, definition, sql)
    await world.join(service)
    assert (await handle.result(10)).value == "innocent"


@pytest.mark.parametrize("answer", [ConnectionError(), NotYet(0)], ids=repr)
async def test_a_suspect_that_answers_is_never_poison(world: World, sql: Sql, answer: Exception) -> None:
    service, tries = Participant("service"), list[int]()

    @service.step(external=True)
    async def act() -> str:
        tries.append(len(tries))
        if len(tries) < ISOLATED_ATTEMPTS_MAX + 3:
            raise answer
        return "at last"

    definition = Definition("unlucky")
    retry = Retry(attempts=ISOLATED_ATTEMPTS_MAX * 2, first="10ms", cap="10ms")
    definition.returns(definition.step("service.act", retry=retry).output)
    _, handle = await suspected(world, service, definition, sql)
    await world.join(service)
    assert (await handle.result(10)).value == "at last"
    assert len(tries) == ISOLATED_ATTEMPTS_MAX + 3


async def test_a_suspect_runs_alone(world: World, sql: Sql) -> None:
    service, gates = Participant("service"), {word: Gate() for word in ("before", "suspect", "after")}

    @service.step(external=True)
    async def act(word: str) -> None:
        await gates[word].wait()

    definition = Definition("unlucky", input=str)
    definition.step("service.act")
    client, suspect = await suspected(world, service, definition, sql, "suspect")
    handles = [suspect]
    await sql.execute("update command set due_at = 'infinity'")
    process = (await world.join(service)).process
    handles.append(await client.start(definition, "before"))
    await gates["before"].somebody_waits()
    await sql.execute("update command set due_at = now() where owner is null")
    await until(lambda: process.intake.in_flight == 2, "the suspect is there")
    handles.append(await client.start(definition, "after"))
    await until(lambda: process.intake.in_flight == 3, "another one is there")
    assert {word for word in gates if gates[word].reached} == {"before"}
    gates["before"].open()
    await gates["suspect"].somebody_waits()
    assert await sql.fetchval("select isolated_attempts from command where saga = $1", suspect.id) == 1
    assert not gates["after"].reached
    gates["suspect"].open()
    gates["after"].open()
    for handle in handles:
        assert (await handle.result(10)).is_completed


async def test_a_suspect_does_not_hold_up_its_process_for_as_long_as_a_long_step_runs(
    world: World, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "ALONE_WITHIN_SECONDS", 0.2)
    monkeypatch.setattr(isolation, "ALONE_AGAIN_SECONDS", 0.2)
    service, gates = Participant("service"), {word: Gate() for word in ("long", "suspect", "after")}
    gates["after"].open()

    @service.step(external=True)
    async def act(word: str) -> None:
        await gates[word].wait()

    definition = Definition("unlucky", input=str)
    definition.step("service.act")
    client, suspect = await suspected(world, service, definition, sql, "suspect")
    await sql.execute("update command set due_at = 'infinity'")
    process = (await world.join(service)).process
    long = await client.start(definition, "long")
    await gates["long"].somebody_waits()
    await sql.execute("update command set due_at = now() where owner is null")
    await until(lambda: process.intake.in_flight == 2, "the suspect is there")

    after = await client.start(definition, "after")

    assert (await after.result(10)).is_completed
    assert not gates["suspect"].reached
    gates["suspect"].open()
    gates["long"].open()
    for handle in (long, suspect):
        assert (await handle.result(10)).is_completed


async def suspected(
    world: World, service: Participant, definition: Definition, sql: Sql, value: str | None = None
) -> tuple[App, Handle]:
    """A saga whose first command was delivered often without an answer, and waits in the queue."""
    first = await world.join(service)
    await first.register(definition)
    await first.process.stop(0)
    client = await world.join()
    handle = await client.start(definition, value)
    await sql.execute("update command set deliveries = 100")
    return client, handle
