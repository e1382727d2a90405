"""The life of a process: joining, serving, stopping."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import saga
from saga import (
    AccessRefused,
    Conflict,
    Context,
    Definition,
    DefinitionError,
    Participant,
    SchemaMismatch,
    Unavailable,
    UsageError,
)
from saga.memory.journal import MemoryJournal
from tests.runtime.world import Gate, Sql, World, until


async def test_no_more_handlers_run_at_once_than_their_participant_allows(any_world: World) -> None:
    narrow, wide = Participant("narrow", concurrency=2), Participant("wide", concurrency=30)
    gate, running, most = Gate(), {"narrow": 0, "wide": 0}, {"narrow": 0, "wide": 0}

    def add(participant: Participant) -> None:
        name = participant.service

        @participant.step(external=True, read_only=True)
        async def work() -> None:
            running[name] += 1
            most[name] = max(most[name], running[name])
            await gate.wait()
            running[name] -= 1

    add(narrow)
    add(wide)
    definition = Definition("both")
    definition.step("narrow.work", name="in_the_narrow")
    definition.step("wide.work", name="in_the_wide")
    sagas = await any_world.join(narrow, wide)
    handles = [await sagas.start(definition) for _ in range(10)]
    await until(lambda: running["wide"] == 10 and running["narrow"] == 2, "both are at work")
    gate.open()
    for handle in handles:
        assert (await handle.result(10)).is_completed
    assert most == {"narrow": 2, "wide": 10}


async def test_a_step_without_its_handler_stays_due_and_the_log_says_so(
    world: World, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = Participant("service"), Participant("service")

    @old.step(external=True)
    async def known() -> str:
        return "old"

    @new.step(external=True)
    async def unknown() -> str:
        return "new"

    definition = Definition("skewed")
    definition.returns(definition.step("service.unknown").output)
    first = await world.join(new)
    await first.register(definition)
    await first.process.stop(0)
    skewed = await world.join(old)
    client = await world.join()
    handle = await client.start(definition)
    error = "select error like '%has no such handler%' and deliveries = 0 from command where saga = $1"
    await until(lambda: sql.fetchval(error, handle.id), "it is left to others")
    assert "no such handler here" in caplog.text
    await skewed.process.stop(0)
    await sql.execute("update command set due_at = now()")
    await world.join(new)
    assert (await handle.result(10)).value == "new"


async def test_a_running_saga_stays_with_the_version_it_started_on(world: World) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True, read_only=True)
    async def first() -> None:
        await gate.wait()

    @service.step(external=True)
    async def second() -> str:
        return "two steps"

    old, new = Definition("versioned", 1), Definition("versioned", 2)
    old.returns(old.step("service.second", after=old.step("service.first")).output)
    new.returns({"steps": "one", "was": new.step("service.second").output})
    sagas = await world.join(service)
    running = await sagas.start(old)
    await gate.somebody_waits()
    await sagas.register(new)
    later = await sagas.start("versioned")
    gate.open()
    assert (await running.result(10)).value == "two steps"
    assert (await later.result(10)).value == {"steps": "one", "was": "two steps"}


async def test_the_same_version_with_another_graph_is_a_conflict(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True)
    async def act() -> None: ...

    one, other = Definition("same", 1), Definition("same", 1)
    one.step("service.act")
    other.step("service.act", name="act_otherwise")
    sagas = await any_world.join(service)
    await sagas.register(one)
    with pytest.raises(Conflict):
        await sagas.register(other)


async def test_a_definition_without_a_published_contract_is_refused_with_its_name(any_world: World) -> None:
    definition = Definition("lonely")
    definition.step("nobody.act")
    sagas = await any_world.join()
    with pytest.raises(DefinitionError, match=r"nobody\.act"):
        await sagas.start(definition)


def test_two_handlers_of_one_name_are_refused() -> None:
    service = Participant("service")

    async def act() -> None: ...

    service.step(external=True)(act)
    with pytest.raises(UsageError, match="participant service has a handler 'act' already"):
        service.step(external=True)(act)


async def test_two_participants_of_one_service_are_refused(any_world: World) -> None:
    with pytest.raises(UsageError, match="two participants have the same service"):
        await any_world.join(Participant("service"), Participant("service"))


async def test_a_process_that_stops_lets_its_steps_finish_and_commits_them(any_world: World) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def work() -> str:
        await gate.wait()
        return "finished"

    definition = Definition("working")
    definition.returns(definition.step("service.work").output)
    worker, client = await any_world.join(service), await any_world.join()
    await client.register(definition)
    handle = await client.start(definition)
    await gate.somebody_waits()
    stopping = asyncio.create_task(worker.process.stop(10))
    await until(lambda: worker.process.intake.is_closing, "it takes nothing more")
    gate.open()
    await stopping
    assert (await handle.result(10)).value == "finished"


async def test_claims_that_never_began_are_given_back_without_being_counted(world: World, sql: Sql) -> None:
    service, gate = Participant("service", concurrency=1), Gate()

    @service.step(external=True, read_only=True)
    async def work() -> None:
        await gate.wait()

    definition = Definition("working")
    definition.step("service.work")
    worker = await world.join(service)
    await worker.register(definition)
    worker.process.intake._ending_soon = 10  # as if they were quick: it takes more than it can run
    handles = [await worker.start(definition) for _ in range(4)]
    await gate.somebody_waits()
    assert worker.process.intake.in_flight == 4
    stopping = asyncio.create_task(worker.process.stop(5))
    await until(lambda: worker.process.intake.is_closing, "it takes nothing more")
    gate.open()
    await stopping
    left = await sql.fetch("select owner, deliveries, failures, quiet_at from command")
    assert [tuple(row) for row in left] == [(None, 0, 0, None)] * 3
    other = await world.join(service)
    for handle in handles:
        assert (await other.handle(handle.id).result(10)).is_completed


async def test_a_transactional_handler_cannot_end_its_transaction(world: World) -> None:
    service = Participant("service", database=world.url)

    @service.step
    async def sly(ctx: Context) -> None:
        await ctx.sql.execute("select 1; COMMIT")

    definition = Definition("sly")
    definition.step("service.sly")
    sagas = await world.join(service)
    ending = await (await sagas.start(definition)).result(20)
    assert ending.status == "compensated"
    assert "must not say COMMIT or ROLLBACK" in (ending.reason or "")


async def test_a_constraint_that_is_checked_at_the_commit_fails_its_step_only(world: World, sql: Sql) -> None:
    await sql.execute(
        "create table public.parent (id integer primary key);"
        "create table public.child (id integer references public.parent deferrable initially deferred)"
    )
    service, tries = Participant("service", database=world.url), list[int]()

    @service.step
    async def insert(ctx: Context) -> str:
        tries.append(1)
        await ctx.sql.execute("insert into public.child values (1)")
        if len(tries) > 1:
            await ctx.sql.execute("insert into public.parent values (1)")
        return "inserted"

    definition = Definition("deferred")
    definition.returns(definition.step("service.insert").output)
    sagas = await world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "inserted"
    assert len(tries) == 2


async def test_a_transaction_whose_commit_was_cut_off_makes_its_effect_once(world: World, sql: Sql) -> None:
    await sql.execute("create table public.effect (saga uuid)")
    service, tries = Participant("service", database=world.url), list[int]()

    @service.step
    async def act(ctx: Context) -> str:
        tries.append(1)
        await ctx.sql.execute("insert into public.effect values ($1)", ctx.saga_id)
        if len(tries) == 1:
            # the server ends the session in the middle of the commit: a deferred trigger does it
            await ctx.sql.execute("insert into public.trap values (1)")
        return "acted"

    await sql.execute(
        "create table public.trap (id integer);"
        "create function public.spring() returns trigger language plpgsql as"
        " $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;"
        "create constraint trigger trap after insert on public.trap deferrable initially deferred"
        " for each row execute function public.spring()"
    )
    definition = Definition("cut")
    definition.returns(definition.step("service.act").output)
    sagas = await world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert ending.value == "acted"
    assert await sql.fetchval("select count(*) from public.effect") == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda url: url.rpartition("@")[0].rpartition(":")[0] + ":wrong@" + url.rpartition("@")[2], AccessRefused),
        (lambda url: url.rpartition("/")[0] + "/no_such_database", AccessRefused),
        (lambda url: url.rpartition(":")[0] + ":1/" + url.rpartition("/")[2], Unavailable),
        (lambda _: "nothing://here", UsageError),
        (lambda _: "no url", UsageError),
    ],
)
async def test_a_store_that_cannot_be_used_is_reported_in_one_sentence(
    world: World, change: object, error: type[Exception]
) -> None:
    assert callable(change)
    world.url = change(world.url)
    with pytest.raises(error) as caught:
        await world.join()
    assert len(str(caught.value).splitlines()) == 1
    assert "wrong" not in str(caught.value).replace("wrong password", "")


async def test_a_store_without_tables_says_how_to_make_them(world: World, postgres_url: str) -> None:
    world.url = postgres_url
    with pytest.raises(SchemaMismatch, match="run the migrations first"):
        await world.join()


async def test_a_pooler_in_transaction_mode_is_refused(world: World, pgbouncer_url: str) -> None:
    world.url = pgbouncer_url
    with pytest.raises(UsageError):
        await world.join()


async def test_an_error_while_closing_does_not_replace_the_one_that_ended_the_block(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise OSError("the socket is gone")

    async def program() -> None:
        async with saga.connect(store=any_world.url) as sagas:
            closes.append(sagas.process.adapter.close)
            monkeypatch.setattr(sagas.process.adapter, "close", broken)
            raise ValueError("the user's own")

    closes = list[Any]()
    with pytest.raises(ValueError, match="the user's own"):
        await program()
    await closes[0]()


@pytest.mark.parametrize("broken", ["open", "close"])
async def test_every_connection_is_closed_whichever_fails(
    any_world: World, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = list[object]()

    async def fail(journal: object) -> None:
        closed.append(journal)
        raise OSError("the socket is gone")

    async def close(journal: object) -> None:
        closed.append(journal)

    monkeypatch.setattr(MemoryJournal, "close", close)
    monkeypatch.setattr(MemoryJournal, broken, fail)
    service = Participant("service", database="memory://broken_journal")
    with pytest.raises(OSError, match="the socket is gone"):
        async with saga.connect(store=any_world.url) as sagas, sagas.serve(service):
            pass
    assert closed[-1] is closed[0]
    assert len(closed) == (2 if broken == "open" else 1)
    with pytest.raises((saga.errors.Closed, Unavailable)):
        await sagas.process.adapter.open()


async def test_a_follow_up_that_fails_is_made_up_for_by_a_poll(any_world: World) -> None:
    service, failures = Participant("service"), [1, 1]

    @service.step(external=True, read_only=True)
    async def work() -> None: ...

    definition = Definition("followed")
    definition.step("service.work", after=definition.step("service.work", name="first"))
    sagas = await any_world.join(service, lease=5)
    follow_up = sagas.process.heartbeat.follow_up
    hand_over = type(follow_up)._hand_over

    def broken(self: Any, *arguments: Any) -> None:
        if failures:
            failures.pop()
            raise KeyError("a bug")
        hand_over(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(follow_up), "_hand_over", broken)
        assert (await (await sagas.start(definition)).result(20)).is_completed
    assert not failures
