"""Starting sagas: keys, the caller's transaction, limits."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from saga import App, Conflict, Definition, InputRefused, NotFound, Participant, UsageError
from saga.errors import AccessRefused, SagaError, SchemaMismatch, ServerFailed, Unavailable
from tests.runtime.world import Sql, World, until

TOO_LARGE = "x" * (2 * 1024 * 1024)


def echo() -> tuple[Participant, Definition, list[str]]:
    service, ran = Participant("service"), list[str]()

    @service.step(external=True, read_only=True)
    async def say(word: str) -> str:
        ran.append(word)
        return word * 2_000_000 if word == "long" else word

    definition = Definition("echo", input=str)
    definition.returns(definition.step("service.say").output)
    return service, definition, ran


async def test_the_same_key_and_input_is_the_same_saga(any_world: World) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    first = await sagas.start(definition, "a", key="order 1")
    await first.result(10)
    second = await sagas.start(definition, "a", key="order 1")
    assert second.id == first.id
    assert (await second.result(10)).value == "a"
    assert ran == ["a"]


async def test_starts_of_one_key_at_once_make_one_saga(any_world: World) -> None:
    service, definition, ran = echo()
    one, other = await any_world.join(service), await any_world.join(service)
    await one.register(definition)
    starts = [connection.start(definition, "a", key="order 1") for connection in (one, other) for _ in range(10)]
    handles = await asyncio.gather(*starts)
    assert len({handle.id for handle in handles}) == 1
    await handles[0].result(10)
    assert ran == ["a"]


async def test_a_key_that_was_used_with_another_input_is_a_conflict(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    first = await sagas.start(definition, "a", key="order 1")
    with pytest.raises(Conflict, match=f"the start key 'order 1' of echo belongs to saga {first.id}"):
        await sagas.start(definition, "b", key="order 1")


async def test_a_definition_can_be_started_by_its_name(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    await sagas.register(definition)
    assert (await (await sagas.start("echo", "by name")).result(10)).value == "by name"
    with pytest.raises(NotFound):
        await sagas.start("nothing", "x")


async def test_a_saga_starts_with_the_transaction_of_the_caller(world: World, sql: Sql) -> None:
    service, definition, _ = echo()
    sagas = await world.join(service)
    await sagas.register(definition)
    shop = await asyncpg.connect(world.url)  # with the search_path of its own
    await shop.execute("create table orders (number integer)")
    async with shop.transaction():
        await shop.execute("insert into orders values (1)")
        handle = await sagas.start(definition, "joined", tx=shop)
        assert await sql.fetchval("select count(*) from saga") == 0
    assert (await handle.result(10)).value == "joined"
    await shop.close()


async def test_a_saga_is_not_started_when_the_caller_rolls_back(world: World, sql: Sql) -> None:
    service, definition, ran = echo()
    sagas = await world.join(service)
    await sagas.register(definition)
    shop = await asyncpg.connect(world.url)
    transaction = shop.transaction()
    await transaction.start()
    handle = await sagas.start(definition, "never", key="k", tx=shop)
    await transaction.rollback()
    await shop.close()
    with pytest.raises(NotFound):
        await handle.result(10)
    assert (await sql.fetchval("select count(*) from start_key"), ran) == (0, [])


async def test_a_start_within_a_transaction_does_not_wait_for_a_redrive_on_an_outside_bus(world: World) -> None:
    service, definition, _ = echo()
    sagas = await world.join(service, bus="memory://outside")
    await sagas.register(definition)
    shop = await asyncpg.connect(world.url)
    async with shop.transaction():
        handle = await sagas.start(definition, "joined", tx=shop)
    await shop.close()
    assert (await handle.result(5)).value == "joined"


async def test_an_input_that_is_too_large_is_refused_with_its_size(any_world: World) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    with pytest.raises(InputRefused, match=r"the input of echo has 2,097,154 bytes, more than 262,144"):
        await sagas.start(definition, TOO_LARGE)
    assert ran == []


async def test_a_result_that_is_too_large_rolls_back_with_its_size(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition, "long")).result(10)
    assert ending.status == "compensated"
    assert "service.say returned 8,000,002 bytes, more than 1,048,576" in (ending.reason or "")


async def test_a_key_that_is_too_long_is_refused(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    with pytest.raises(UsageError, match="a start key has 1 to 200 characters, not 201"):
        await sagas.start(definition, "a", key="k" * 201)


async def test_waiting_for_a_saga_that_another_process_started_ends(any_world: World) -> None:
    service, definition, _ = echo()
    worker, other = await any_world.join(service), await any_world.join()
    handle = await worker.start(definition, "a")
    waiting = [asyncio.create_task(other.handle(handle.id).result(10)) for _ in range(5)]
    assert {(await task).value for task in waiting} == {"a"}
    await until(lambda: not other.process.end_waiters._waiting, "nobody waits any more")


class FailingStarts:
    """Raises the errors in turn instead of answering a start, each after the store has done its work or before."""

    def __init__(self, app: App, *errors: SagaError, is_done: bool = True) -> None:
        store: Any = app.process.starter._store
        self.calls: list[tuple[int, bool]] = []  # starts, is_retry
        self.errors, self._is_done, self._start = list(errors), is_done, store.start
        store.start = self.start

    async def start(self, starts: Any, *arguments: Any, **options: Any) -> Any:
        self.calls.append((len(starts), options["is_retry"]))
        if not self.errors:
            return await self._start(starts, *arguments, **options)
        if self._is_done:
            await self._start(starts, *arguments, **options)
        raise self.errors.pop(0)


UNKNOWN = [Unavailable("lost"), AccessRefused("revoked"), SchemaMismatch("no table"), ServerFailed("XX000")]


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda error: type(error).__name__)
async def test_a_start_whose_answer_was_an_error_is_looked_at_again_under_its_own_id(
    any_world: World, error: SagaError
) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    await sagas.register(definition)
    failing = FailingStarts(sagas, error, error)
    handle = await sagas.start(definition, "a")
    assert (await handle.result(10)).value == "a"
    assert ran == ["a"]
    assert [is_retry for _, is_retry in failing.calls] == [False, True, True]


async def test_a_refusal_does_not_forget_that_an_earlier_try_may_have_been_committed(any_world: World) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    await sagas.register(definition)
    failing = FailingStarts(sagas, Unavailable("lost"), InputRefused("one of them"))
    handles = await asyncio.gather(*(sagas.start(definition, str(number)) for number in range(3)))
    for handle in handles:
        await handle.result(10)
    assert sorted(ran) == ["0", "1", "2"]
    assert failing.calls == [(3, False), (3, True), (1, True), (1, True), (1, True)]


async def test_a_start_at_which_the_server_fails_holds_up_no_other(any_world: World) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    await sagas.register(definition)
    failing = FailingStarts(sagas, ServerFailed("54000"), is_done=False)
    handles = await asyncio.gather(*(sagas.start(definition, str(number)) for number in range(3)))
    for handle in handles:
        await handle.result(10)
    assert sorted(ran) == ["0", "1", "2"]
    assert failing.calls == [(3, False), (1, True), (1, True), (1, True)]


async def test_a_start_that_is_never_answered_says_why(any_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    await sagas.register(definition)
    monkeypatch.setattr("saga.client.store.START_TIMEOUT_SECONDS", 0.3)
    failing = FailingStarts(sagas, *[ServerFailed("no space for it")] * 20, is_done=False)
    with pytest.raises(
        Unavailable, match=r"did not answer for 0 s \(no space for it\): whether echo was started is unknown"
    ):
        await sagas.start(definition, "a")
    failing.errors.clear()
    monkeypatch.undo()
    await (await sagas.start(definition, "b")).result(10)


async def test_an_error_in_a_callers_transaction_is_one_of_saga(world: World, sql: Sql) -> None:
    service, definition, _ = echo()
    sagas = await world.join(service)
    await sagas.register(definition)
    await sql.execute("alter table saga add constraint narrow check (tags is null) not valid")
    with pytest.raises(InputRefused, match="narrow"):
        async with sql.transaction():
            await sagas.start(definition, "a", tags={"a": "b"}, tx=sql)
    await sql.execute("alter table saga drop constraint narrow")


async def test_tags_are_limited(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    await sagas.start(definition, "a", tags={"note": "x" * 16_000})
    with pytest.raises(UsageError, match="the tags of echo have 20,011 bytes, more than 16,384"):
        await sagas.start(definition, "a", tags={"note": "x" * 20_000})
