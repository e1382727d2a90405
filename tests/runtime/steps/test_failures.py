"""Technical failures and refusals."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from saga import Context, Definition, GiveUp, InputRefused, NotYet, Participant, Reject, Retry, UsageError
from tests.runtime.world import World, until

QUICK = Retry(attempts=3, first="10ms", cap="20ms")


async def test_a_failing_step_is_retried_until_it_succeeds(any_world: World) -> None:
    service = Participant("service")
    attempts: list[int] = []

    @service.step(external=True)
    async def flaky(ctx: Context) -> str:
        attempts.append(ctx.attempt)
        if len(attempts) < 3:
            raise ConnectionError("the line is cut")
        return "done"

    definition = Definition("flaky")
    definition.returns(definition.step("service.flaky", retry=QUICK).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "done"
    assert attempts == [1, 2, 3]


async def test_pauses_between_attempts_grow(any_world: World) -> None:
    service = Participant("service")
    at: list[float] = []

    @service.step(external=True)
    async def flaky() -> None:
        at.append(asyncio.get_running_loop().time())
        if len(at) < 4:
            raise ConnectionError

    definition = Definition("patient")
    definition.step("service.flaky", retry=Retry(attempts=5, first="50ms", factor=3, jitter=0))
    sagas = await any_world.join(service)
    await (await sagas.start(definition)).result(10)
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses[0] >= 0.05
    assert pauses[1] >= 0.15
    assert pauses[2] >= 0.45


@pytest.mark.parametrize(("error", "failures"), [(ConnectionError("down"), 3), (GiveUp("no use"), 1)])
async def test_a_step_that_keeps_failing_rolls_the_saga_back(any_world: World, error: Exception, failures: int) -> None:
    service = Participant("service")
    calls: list[int] = []
    undone: list[str] = []

    @service.step(external=True)
    async def first() -> str:
        return "first"

    @first.compensation
    async def undo(value: Any, result: str) -> None:
        undone.append(result)

    @service.step(external=True)
    async def broken(ctx: Context) -> None:
        calls.append(ctx.attempt)
        if len(calls) <= failures:
            raise error
        raise Reject("the provider has no trace of it")

    @broken.compensation
    async def never(value: Any, result: None) -> None:
        undone.append("broken")

    @service.step(external=True)
    async def last() -> None: ...

    definition = Definition("broken")
    begun = definition.step("service.first")
    failed = definition.step("service.broken", after=begun, retry=QUICK, compensation_retry=QUICK, timeout="200ms")
    definition.step("service.last", after=failed)
    sagas = await any_world.join(service, margin=0.1)
    ending = await (await sagas.start(definition)).result(10)
    assert (ending.status, undone) == ("compensated", ["first"])
    assert "given up" in (ending.reason or "")


async def test_not_yet_is_attempted_again_and_never_counted_as_a_failure(any_world: World) -> None:
    service = Participant("service")
    attempts: list[int] = []

    @service.step(external=True)
    async def slow(ctx: Context) -> str:
        attempts.append(ctx.attempt)
        if len(attempts) < 15:
            raise NotYet("5ms")
        return "at last"

    definition = Definition("slow")
    definition.returns(definition.step("service.slow", retry=Retry(attempts=1)).output)
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert ending.value == "at last"
    assert set(attempts) == {1}


async def test_a_result_that_its_annotation_does_not_allow_is_not_a_success(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def wrong() -> int:
        return "seven"  # type: ignore[return-value]

    definition = Definition("wrong_output")
    definition.step("service.wrong")
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert ending.status == "compensated"
    assert "service.wrong returned what its annotation does not allow" in (ending.reason or "")


async def test_an_input_of_another_shape_is_refused_at_the_start(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def square(number: int) -> int:
        return number * number

    definition = Definition("square", input=int)
    definition.step("service.square")
    sagas = await any_world.join(service)
    with pytest.raises(InputRefused, match="the input of square does not fit: value: Input should be a valid integer"):
        await sagas.start(definition, "four")  # type: ignore[misc] # mypy says so, too


async def test_a_step_whose_input_does_not_fit_rolls_back_without_being_run(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def word() -> Any:  # what it returns is not in its contract
        return "word"

    @service.step(external=True, read_only=True)
    async def square(number: int) -> int:
        return number * number

    definition = Definition("misfit")
    definition.step("service.square", inputs=definition.step("service.word").output, retry=QUICK)
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert ending.status == "compensated"
    assert "service.square: the input does not fit" in (ending.reason or "")


async def test_a_reason_that_the_store_cannot_write_fails_its_own_saga_only(world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def speak(text: str) -> str:
        if text == "bad":
            raise Reject("half a character: \ud800, and a nul: \x00")
        return text

    definition = Definition("speak", input=str)
    definition.returns(definition.step("service.speak").output)
    sagas = await world.join(service)
    bad, good = await asyncio.gather(sagas.start(definition, "bad"), sagas.start(definition, "good"))
    assert (await good.result(10)).value == "good"
    assert (await bad.result(10)).status == "compensated"


async def test_a_start_key_that_no_store_can_write_fails_its_own_start_only(world: World) -> None:
    service = Participant("service")

    @service.step(external=True, read_only=True)
    async def echo(text: str) -> str:
        return text

    definition = Definition("echo", input=str)
    definition.returns(definition.step("service.echo").output)
    sagas = await world.join(service)
    await sagas.register(definition)
    starts = (sagas.start(definition, "x", key="half \ud800"), sagas.start(definition, "good", key="whole"))
    handles = await asyncio.gather(*starts, return_exceptions=True)
    bad, good = handles[0], handles[1]
    assert isinstance(bad, UsageError)
    assert not isinstance(good, BaseException)
    assert (await good.result(10)).value == "good"


async def test_a_handler_that_cancels_itself_has_failed(any_world: World) -> None:
    service = Participant("service")
    calls: list[int] = []

    @service.step(external=True)
    async def odd() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise asyncio.CancelledError
        return "done"

    definition = Definition("odd")
    definition.returns(definition.step("service.odd", retry=QUICK).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "done"


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_a_handler_that_cancels_its_own_task_has_failed(any_world: World, *, is_at_once: bool) -> None:
    """Without an outcome the claim would wait for the end of its lease, and nobody would know of the first call."""
    service = Participant("service")
    calls: list[int] = []

    @service.step(external=True)
    async def odd() -> str:
        calls.append(1)
        if len(calls) == 1:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            if not is_at_once:
                await asyncio.Event().wait()
        return "done"

    definition = Definition("odd")
    definition.returns(definition.step("service.odd", retry=QUICK).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "done"


async def test_a_step_that_takes_too_long_is_retried(any_world: World) -> None:
    service = Participant("service")
    calls: list[int] = []

    @service.step(external=True)
    async def hang() -> str:
        calls.append(1)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return "done"

    definition = Definition("hang")
    definition.returns(definition.step("service.hang", timeout="50ms", retry=QUICK).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "done"


async def test_a_handler_that_swallows_its_timeout_can_still_succeed(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True)
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "anyway"
        return "never"

    definition = Definition("stubborn")
    definition.returns(definition.step("service.stubborn", timeout="50ms").output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "anyway"


async def test_a_rejection_by_a_compensation_is_a_failure_and_retried(world: World) -> None:
    service = Participant("service", database=world.url)
    asked: list[int] = []

    @service.step
    async def hold(ctx: Context) -> str:
        return "held"

    @hold.compensation
    async def free(value: Any, result: str) -> None:
        asked.append(1)
        if len(asked) < 3:
            raise Reject("I would rather not")

    @service.step
    async def refuse() -> None:
        raise Reject("no")

    definition = Definition("reluctant")
    definition.step("service.refuse", after=definition.step("service.hold", compensation_retry=QUICK))
    sagas = await world.join(service)
    assert (await (await sagas.start(definition)).result(10)).status == "compensated"
    assert len(asked) == 3


async def test_compensations_get_their_results_in_reverse_order(any_world: World) -> None:
    service = Participant("service")
    undone: list[str] = []

    def add(name: str) -> None:
        @service.step(name=name, external=True)
        async def do(number: int) -> str:
            return f"{name}{number}"

        @do.compensation
        async def undo(number: int, result: str, ctx: Context) -> None:
            undone.append(result)

    for name in ("a", "b", "c"):
        add(name)

    @service.step(external=True)
    async def last() -> None:
        raise Reject("no")

    definition = Definition("reverse", input=int)
    a = definition.step("service.a")
    b = definition.step("service.b", after=a)
    c = definition.step("service.c", after=b)
    definition.step("service.last", after=c)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition, 7)).result(10)).reason == "last: no"
    assert undone == ["c7", "b7", "a7"]


async def test_a_branch_is_undone_only_after_all_that_followed_it(any_world: World) -> None:
    service = Participant("service")
    undone: list[str] = []

    def add(name: str) -> None:
        @service.step(name=name, external=True)
        async def do() -> str:
            return name

        @do.compensation
        async def undo(value: Any, result: str) -> None:
            undone.append(result)

    for name in ("root", "left", "right", "join"):
        add(name)

    @service.step(external=True)
    async def last() -> None:
        raise Reject("no")

    definition = Definition("diamond")
    root = definition.step("service.root")
    left = definition.step("service.left", after=root)
    right = definition.step("service.right", after=root)
    joined = definition.step("service.join", after=[left, right])
    definition.step("service.last", after=joined)
    sagas = await any_world.join(service)
    await (await sagas.start(definition)).result(10)
    assert undone[0] == "join"
    assert set(undone[1:3]) == {"left", "right"}
    assert undone[3] == "root"


async def test_a_join_runs_once_when_all_its_branches_have_finished(any_world: World) -> None:
    service = Participant("service")
    finished: list[str] = []

    def add(name: str) -> None:
        @service.step(name=name, external=True, read_only=True)
        async def do() -> None:
            finished.append(name)

    names = [f"branch_{n}" for n in range(8)]
    for name in (*names, "join"):
        add(name)
    definition = Definition("fan")
    branches = [definition.step(f"service.{name}") for name in names]
    definition.step("service.join", after=branches)
    workers = [await any_world.join(service) for _ in range(3)]
    handles = [await workers[0].start(definition) for _ in range(5)]
    for handle in handles:
        assert (await handle.result(10)).is_completed
    assert finished.count("join") == len(handles)
    await until(lambda: finished[-1] == "join", "the last join ran")


async def test_a_reason_too_long_for_a_notification_still_rolls_back(world: World) -> None:
    first, second = Participant("first"), Participant("second")
    undone: list[str] = []

    @first.step(external=True)
    async def act() -> str:
        return "done"

    @act.compensation
    async def undo(_: None, acted: str) -> None:
        undone.append(acted)

    @second.step(external=True)
    async def refuse() -> None:
        raise Reject("\u00e9" * 20_000)

    definition = Definition("refused")
    definition.step("second.refuse", after=definition.step("first.act"))
    await world.join(first)
    await world.join(second)
    client = await world.join()

    ending = await (await client.start(definition)).result(10)

    assert ending.status == "compensated"
    assert undone == ["done"]
