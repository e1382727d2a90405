"""Every exception of user code is an outcome of its own step, in every mode, and of no other saga."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from saga import Context, Definition, DidNotHappen, GiveUp, NotYet, Participant, Reject, Retry
from saga.app import App
from saga.core.text import TEXT_CHARS_MAX
from saga.runtime.handlers.step_handler import StepHandler
from tests.runtime.world import Sql, World

Database = Callable[[], Awaitable[str]]
TWICE = Retry(attempts=2, first="10ms", jitter=0)
MODES = ("external", "transactional", "journaled")
REASON_CHARS_MAX = TEXT_CHARS_MAX + 100  # with the name of the step, and how often it was attempted


class TimedOut(BaseException):
    """An error that `except Exception` does not catch: some libraries derive theirs in this way."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit(4)

    __repr__ = __str__


class Disguised(Exception):
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError


class Incomparable:
    """Compares as an array of numpy or a frame of pandas does: the result has no truth value."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")


class Sticky(str):
    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError


class OutOfStock(Reject):
    """Does not call our __init__."""

    def __init__(self) -> None:
        pass


class Secretive(Reject):
    @property
    def reason(self) -> str:
        raise SystemExit(5)

    @reason.setter
    def reason(self, value: str) -> None: ...


class Patient(NotYet):
    """Does not call our __init__."""

    def __init__(self) -> None:
        pass


class Hasty(NotYet):
    def __init__(self, seconds: Any) -> None:
        self.after_seconds = seconds


def its_own_cause() -> Exception:
    error = ValueError("round and round")
    error.__cause__ = error.__context__ = error
    return error


FAILURES: list[tuple[BaseException, str]] = [
    (SystemExit(3), "SystemExit: 3"),
    (KeyboardInterrupt(), "KeyboardInterrupt"),
    (GeneratorExit(), "GeneratorExit"),
    (asyncio.CancelledError("mine"), "CancelledError: mine"),
    (TimedOut("3 s"), "TimedOut: 3 s"),
    (StopIteration(), "StopIteration"),
    (StopAsyncIteration(), "StopAsyncIteration"),
    (TimeoutError("the provider took 3 s"), "no answer in time: the provider took 3 s"),
    (Unprintable(), "Unprintable: Unprintable without a text"),
    (Disguised("who"), "Disguised: who"),
    (RuntimeError("bad gateway\x00"), "RuntimeError: bad gateway\\x00"),
    (RuntimeError("file \udce9.txt"), "RuntimeError: file \\udce9.txt"),
    (RuntimeError("<html>" + "x" * 3_000_000), "RuntimeError: <html>xxx"),
    (RuntimeError(Sticky("sticky")), "RuntimeError: sticky"),
    (its_own_cause(), "ValueError: round and round"),
    (ExceptionGroup("two", [ValueError("a"), KeyError("b")]), "ValueError: a; KeyError: 'b'"),
    (ExceptionGroup("two", [Reject("no"), ConnectionError("cut")]), "Reject: no; ConnectionError: cut"),
    (BaseExceptionGroup("cancelled", [asyncio.CancelledError()]), "BaseExceptionGroup: cancelled (1 sub-exception)"),
    (BaseExceptionGroup("both", [Reject("no"), SystemExit(1)]), "Reject: no; SystemExit: 1"),
]
REJECTIONS: list[tuple[BaseException, str]] = [
    (Reject("out of stock"), "out of stock"),
    (Reject(ValueError("card declined")), "card declined"),  # type: ignore[arg-type]
    (Reject(402), "402"),  # type: ignore[arg-type]
    (Reject({"code": 3}), "{'code': 3}"),  # type: ignore[arg-type]
    (Reject(["not", "a", "text"]), "['not', 'a', 'text']"),  # type: ignore[arg-type]
    (Reject(None), "no reason given"),  # type: ignore[arg-type]
    (Reject(""), "no reason given"),
    (Reject(Sticky("sticky")), "sticky"),
    (Reject(Unprintable()), "Unprintable without a text"),  # type: ignore[arg-type]
    (OutOfStock(), "OutOfStock"),
    (Secretive("hidden"), "hidden"),
    (Reject("declined \x00\ud800"), "declined \\x00\\ud800"),
    (Reject("<html>" + "x" * 3_000_000), "<html>xxx"),
    (ExceptionGroup("one", [Reject("sold out")]), "sold out"),
    (ExceptionGroup("all", [Reject("a"), ExceptionGroup("deeper", [Reject("b"), Reject("a")])]), "a; b"),
]
WAITS: list[BaseException] = [
    Patient(),
    Hasty(float("nan")),
    Hasty(-5),
    Hasty("soon"),
    Hasty(0),
    ExceptionGroup("waits", [Hasty(0), Hasty(0.01)]),
]


def participant_in(mode: str, world: World, own: str) -> Participant:
    return Participant("service", database={"external": None, "transactional": world.url, "journaled": own}[mode])


def step_of(participant: Participant, function: Callable[..., Any]) -> StepHandler[..., Any]:
    return participant.step(external=participant.database is None, read_only=False)(function)


async def ended(sagas: App, definition: Definition, inputs: range) -> dict[int, str]:
    """The status and reason of a saga for each input, all started together."""
    await sagas.register(definition)
    handles = await asyncio.gather(*(sagas.start(definition, number) for number in inputs))
    endings = await asyncio.gather(*(handle.result(20) for handle in handles))
    return {n: f"{ending.status}: {ending.reason}" for n, ending in zip(inputs, endings, strict=True)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_whatever_a_step_raises_is_its_failed_attempt(
    world: World, fresh_database: Database, mode: str, *, is_async: bool
) -> None:
    service, calls = participant_in(mode, world, await fresh_database()), Counter[int]()

    def work(number: int) -> int:
        calls[number] += 1
        if number < len(FAILURES):
            raise FAILURES[number][0]
        return number

    async def work_async(number: int) -> int:
        return work(number)

    service.step(name="work", external=mode == "external", read_only=True)(work_async if is_async else work)
    definition = Definition("hostile", input=int)
    definition.step("service.work", retry=TWICE)
    sagas = await world.join(service)

    endings = await ended(sagas, definition, range(len(FAILURES) + 10))

    for number, (error, words) in enumerate(FAILURES):
        assert endings[number].startswith("compensated: work: given up after 2 failures: "), endings[number]
        assert words in endings[number] or type(error) is StopIteration, endings[number]
        assert len(endings[number]) < REASON_CHARS_MAX
        assert calls[number] == 2, (error, calls[number])
    assert {endings[number] for number in range(len(FAILURES), len(FAILURES) + 10)} == {"completed: None"}
    assert max(calls.values()) == 2


async def test_a_handler_catches_what_its_thread_raised_whatever_that_contains(any_world: World) -> None:
    service = Participant("service")

    def look_up() -> None:
        raise LookupError(Incomparable())

    @service.step(external=True, read_only=True)
    async def work() -> str:
        try:
            await asyncio.to_thread(look_up)
        except LookupError:
            return "caught"
        return "missed"

    definition = Definition("catching")
    definition.returns(definition.step("service.work", retry=Retry(attempts=1)).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "caught"


@pytest.mark.parametrize("mode", MODES)
async def test_any_object_is_the_reason_of_a_rejection(world: World, fresh_database: Database, mode: str) -> None:
    service, calls = participant_in(mode, world, await fresh_database()), Counter[int]()

    async def work(number: int) -> int:
        calls[number] += 1
        raise REJECTIONS[number][0]

    async def undo(number: int) -> None: ...

    service.step(name="work", external=mode == "external")(work).compensation(undo)
    definition = Definition("rejected", input=int)
    definition.step("service.work")
    sagas = await world.join(service)

    endings = await ended(sagas, definition, range(len(REJECTIONS)))

    for number, (_, words) in enumerate(REJECTIONS):
        assert endings[number].startswith(f"compensated: work: {words}"), endings[number]
        assert len(endings[number]) < REASON_CHARS_MAX
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("mode", MODES)
async def test_a_compensation_that_failed_in_any_way_is_retried(
    world: World, fresh_database: Database, mode: str
) -> None:
    service, asked = participant_in(mode, world, await fresh_database()), Counter[int]()

    async def work(number: int) -> int:
        return number

    async def undo(number: int, result: int) -> None:
        asked[number] += 1
        if asked[number] == 1:
            raise FAILURES[number][0]

    async def refuse(number: int) -> None:
        raise Reject("no")

    for function in (work, refuse):
        step = service.step(external=mode == "external")(function)
        if function is work:
            step.compensation(undo)
        else:
            step.compensation(lambda: None)
    definition = Definition("undone", input=int)
    definition.step("service.refuse", after=definition.step("service.work", compensation_retry=TWICE))
    sagas = await world.join(service)

    endings = await ended(sagas, definition, range(len(FAILURES)))

    assert set(endings.values()) == {"compensated: refuse: no"}
    assert set(asked.values()) == {2}


@pytest.mark.parametrize("mode", MODES)
async def test_an_answer_to_ask_again_is_never_a_failure(world: World, fresh_database: Database, mode: str) -> None:
    service, calls = participant_in(mode, world, await fresh_database()), Counter[int]()

    async def work(number: int) -> int:
        calls[number] += 1
        if calls[number] < 2:
            raise WAITS[number]
        return number

    service.step(name="work", external=mode == "external", read_only=True)(work)
    definition = Definition("patient", input=int)
    definition.step("service.work", retry=Retry(attempts=1))
    sagas = await world.join(service)

    assert set((await ended(sagas, definition, range(len(WAITS)))).values()) == {"completed: None"}
    assert set(calls.values()) == {2}


async def test_a_group_in_which_anything_gives_up_is_not_retried(any_world: World) -> None:
    service, calls = Participant("service"), list[int]()

    @service.step(external=True, read_only=True)
    async def work() -> None:
        calls.append(1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(GiveUp("no use")))
            tasks.create_task(fail(ConnectionError("cut")))

    async def fail(error: Exception) -> None:
        raise error

    definition = Definition("grouped")
    definition.step("service.work", retry=TWICE)
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert "GiveUp: no use; ConnectionError: cut" in (ending.reason or "")
    assert calls == [1]


async def test_a_probe_may_answer_in_a_group_and_fail_in_any_way(any_world: World) -> None:
    service, asked = Participant("service"), list[int]()

    @service.step(external=True)
    async def pay() -> None:
        raise GiveUp("the line is cut")

    @pay.compensation
    async def refund() -> None:
        raise AssertionError

    @pay.probe
    async def look() -> None:
        asked.append(1)
        raise FAILURES[len(asked) - 1][0] if len(asked) < 5 else ExceptionGroup("one", [DidNotHappen()])

    definition = Definition("probed")
    definition.step("service.pay", timeout="50ms", compensation_retry=Retry(attempts=9, first="10ms", cap="10ms"))
    sagas = await any_world.join(service, margin=0)
    assert (await (await sagas.start(definition)).result(10)).status == "compensated"
    assert len(asked) >= 5


@pytest.mark.parametrize("mode", MODES[1:])
async def test_the_handlers_own_words_survive_a_broken_connection(
    world: World, fresh_database: Database, sql: Sql, mode: str
) -> None:
    own = await fresh_database()
    service = participant_in(mode, world, own)
    turn = asyncio.Lock()
    words: list[Exception] = [Reject("out of stock"), GiveUp("no use"), ValueError("what it says")]

    async def broken(number: int, ctx: Context) -> None:
        backend = await ctx.sql.fetchval("select pg_backend_pid()")
        async with turn:
            await sql.execute("select pg_terminate_backend($1, 5000)", backend)
        raise words[number]

    async def broken_session(number: int, ctx: Context) -> None:
        async with ctx.session() as session:
            await session.execute(text("select 1"))
            await broken(number, ctx)

    definitions = list[Definition]()
    for function in (broken, broken_session):
        service.step(function).compensation(lambda: None)
        definitions.append(Definition(function.__name__, input=int))
        definitions[-1].step(f"service.{function.__name__}", retry=Retry(attempts=1))
    sagas = await world.join(service)

    for definition in definitions:
        endings = await ended(sagas, definition, range(len(words)))
        assert [str(word) in endings[number] for number, word in enumerate(words)] == [True] * 3, endings


async def test_a_claim_that_waited_for_a_slot_is_given_back_uncounted(world: World, sql: Sql) -> None:
    service, other, begun = Participant("service", concurrency=1), Participant("other", concurrency=1), asyncio.Event()

    @service.step(external=True, read_only=True)
    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    @other.step(external=True, read_only=True)
    async def rest() -> None: ...

    definition = Definition("working")
    definition.step("service.work")
    sagas = await world.join(service, other)
    for _ in range(2):
        await sagas.start(definition)
    async with asyncio.timeout(10):
        await begun.wait()
    assert sagas.process.intake.in_flight == 2
    await sagas.process.stop(0.1)
    left = await sql.fetch("select deliveries from command order by deliveries")
    assert [row["deliveries"] for row in left] == [0, 1]
