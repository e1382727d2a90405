"""Hostile handlers: results, exceptions, texts and habits that no service should have, and some will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final
from uuid import UUID

import pydantic

from saga import errors
from saga.runtime.handlers.answers import GiveUp, NotYet, Reject
from saga.runtime.handlers.context import Context, current_step
from saga.runtime.handlers.time_limit import UNWIND_SECONDS
from tests.codec import values

Act = Callable[[Context], Awaitable[None]]
LONGER_THAN_ANY_TIMEOUT_SECONDS: Final = 1_000.0
SLOW_END_SECONDS: Final = UNWIND_SECONDS / 3
"""A slow end of a handler that was cancelled, but within the time that it has for that."""
HUGE: Final = "x" * 200_000
TEXTS: Final = {
    "nothing": "", "NUL": "a\x00b", "half a character": "half \ud800", "escapes": "\x1b[2J\x1b]0;title\x07", "newlines": "a\n\rb\u2028c",
    "huge": HUGE, "bidirectional": "\u202eabc", "template": "{0} %s {name} $path", "not latin": "\U0001f600 日本",
}  # fmt: skip


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class NotAText(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value] # noqa: PLE0307


class Interrupts(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Untouchable(Exception):
    """Raises for every attribute."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Disguised(Exception):
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError


class Incomparable:
    """A value that answers every comparison with an exception."""

    def __eq__(self, _: object) -> bool:
        raise ZeroDivisionError

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise ZeroDivisionError


class Own(BaseException):
    """Not an Exception, on purpose."""


class SubReject(Reject):
    def __init__(self) -> None:
        """Forgets to call the constructor of its base."""


class LateNotYet(NotYet):
    def __init__(self) -> None:
        """Forgets to call the constructor of its base."""


def chained() -> Exception:
    """An exception that is its own cause."""
    error = ValueError("round")
    error.__cause__ = error.__context__ = error
    return error


def deep_group() -> BaseException:
    found: BaseException = ValueError("inside")
    for _ in range(50):
        found = BaseExceptionGroup("group", [found, Own()])
    return found


def named(name: str) -> Exception:
    kind: type[Exception] = type(name, (Exception,), {"__module__": name})
    return kind(name)


def validation_error() -> Exception:
    try:
        pydantic.TypeAdapter(int).validate_python("\x00\ud800")
    except pydantic.ValidationError as error:
        return error
    raise AssertionError


ERRORS: Final[dict[str, Callable[[], Any]]] = {
    **{f"text: {name}": partial(OSError, text) for name, text in TEXTS.items()},
    **{f"gives up: {name}": partial(GiveUp, text) for name, text in TEXTS.items()},
    "disguised": Disguised, "not printable": Unprintable, "text that is a number": NotAText, "interrupts while printed": Interrupts,
    "untouchable": Untouchable, "own cause": chained, "deep group": deep_group, "odd name": lambda: named("a\x00b\ud800"),
    "bytes in it": lambda: OSError(b"\xff\x00", object()), "gives up with an object": lambda: GiveUp(Incomparable()),
    "SystemExit": lambda: SystemExit(3), "KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit,
    "StopIteration": lambda: StopIteration(1), "StopAsyncIteration": StopAsyncIteration, "of its own kind": Own,
    "CancelledError": asyncio.CancelledError, "MemoryError": MemoryError, "RecursionError": RecursionError,
    "group of cancellations": lambda: BaseExceptionGroup("g", [asyncio.CancelledError(), asyncio.CancelledError()]),
    "group with an exit": lambda: BaseExceptionGroup("g", [SystemExit(), OSError()]),
    "group of mixed answers": lambda: ExceptionGroup("g", [GiveUp("a"), OSError("b")]),
    "not an exception": lambda: "text", "class": lambda: OSError, "TimeoutError": TimeoutError,
    "unavailable": lambda: errors.Unavailable("as if the store"), "conflict": lambda: errors.Conflict("as if the store"),
    "not found": lambda: errors.NotFound("as if the store"), "stale token": lambda: errors.LeadershipLost("as if the store"),
    "input refused": lambda: errors.InputRefused("as if the input"), "closed": lambda: errors.Closed("as if the store"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\ud800"), "json": lambda: json.JSONDecodeError("m", "\x00", 0),
    "soon": lambda: NotYet("1ms"), "soon, without constructor": LateNotYet, "validation": validation_error,
}  # fmt: skip
"""Exceptions, and what is raised in place of one. None of them says that there was no effect."""

ASKS_AGAIN: Final = {"soon", "soon, without constructor"}
REJECTIONS: Final[dict[str, Callable[[], Any]]] = {
    **{f"rejects: {name}": partial(Reject, text) for name, text in TEXTS.items()},
    "rejects with an object": lambda: Reject(Incomparable()),  # type: ignore[arg-type]
    "rejects with None": lambda: Reject(None),  # type: ignore[arg-type]
    "rejects with an exception": lambda: Reject(Unprintable()),  # type: ignore[arg-type]
    "rejects with bytes": lambda: Reject(b"\xff"),  # type: ignore[arg-type]
    "rejects without a constructor": SubReject,
    "group of rejections": lambda: ExceptionGroup("g", [Reject("a"), Reject("b\x00")]),
    "group of groups": lambda: ExceptionGroup("g", [ExceptionGroup("h", [Reject("\ud800")])]),
}
"""Exceptions that promise that there was no effect: an external handler that has called may not raise them."""


def given(value: Any) -> Any:
    return value


def coroutine() -> Any:
    """A coroutine that nobody awaits, closed so that Python does not warn."""

    async def forgotten() -> None: ...

    made = forgotten()
    made.close()
    return made


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def numbers() -> Iterator[int]:
    yield 1
    raise OSError("in the middle")


class Odd(pydantic.BaseModel):
    """A model whose validator and serializer raise what they like."""

    text: str

    @pydantic.field_validator("text")
    @classmethod
    def check(cls, text: str) -> str:
        if text == "key":
            raise KeyError(text)
        return text

    @pydantic.field_serializer("text")
    def shown(self, text: str) -> str:
        if text == "exit":
            raise SystemExit
        return text


RESULTS: Final[dict[str, tuple[Any, Callable[[], Any]]]] = {
    **{f"unreadable: {name}": (kind, partial(given, value)) for name, (kind, value, _) in values.UNREADABLE.items()},
    **{f"readable: {name}": (kind, partial(given, value)) for name, (kind, value) in values.READABLE.items()},
    **{f"text: {name}": (str, partial(given, text)) for name, text in TEXTS.items()},
    **{f"key: {name}": (Any, partial(given, {text: [text]})) for name, text in TEXTS.items()},
    "too large": (str, lambda: HUGE * 6), "object": (Any, object), "cycle": (Any, endless), "coroutine": (Any, coroutine),
    "coroutine for a number": (int, coroutine), "generator": (list[int], numbers), "incomparable": (Any, Incomparable),
    "exception": (Any, lambda: OSError("returned")), "class": (Any, lambda: UUID), "function": (Any, lambda: endless),
    "validator raises": (Odd, lambda: {"text": "key"}), "serializer exits": (Odd, lambda: Odd.model_construct(text="exit")),
    "half a model": (Odd, Odd.model_construct), "dict for a model": (values.Plain, lambda: {"sku": "a"}),
    "bytes": (bytes, lambda: b"\xff\x00"), "None for a number": (int, lambda: None),
}  # fmt: skip
"""Name -> the annotation of the handler, and what it returns."""


async def swallows_once(_: Context) -> None:
    try:
        await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT_SECONDS)
    except asyncio.CancelledError:
        return


async def raises_when_cancelled(_: Context) -> None:
    try:
        await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT_SECONDS)
    finally:
        raise OSError("while it was cancelled")


async def is_slow_to_end(_: Context) -> None:
    try:
        await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT_SECONDS)
    finally:
        await asyncio.sleep(SLOW_END_SECONDS)


async def never_ends(_: Context) -> None:
    await asyncio.Event().wait()


async def cancels_itself(_: Context) -> None:
    own_task().cancel()
    await asyncio.sleep(0)


async def cancels_itself_and_goes_on(_: Context) -> None:
    own_task().cancel()


async def takes_cancellations_back(_: Context) -> None:
    for _number in range(3):
        own_task().uncancel()


async def leaves_failing_tasks(_: Context) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)  # until the handler has returned
        raise OSError("nobody hears this")

    BEHIND.append(asyncio.ensure_future(fail()))
    BEHIND[-1].add_done_callback(lambda task: task.cancelled() or task.exception())


async def leaves_tasks_behind(_: Context) -> None:
    BEHIND.append(asyncio.ensure_future(asyncio.sleep(LONGER_THAN_ANY_TIMEOUT_SECONDS)))


async def fails_in_a_group(ctx: Context) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(never_ends(ctx))
        group.create_task(has_a_timeout_of_its_own(ctx))


async def has_a_timeout_of_its_own(_: Context) -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def notes_odd_progress(ctx: Context) -> None:
    for progress in (float("nan"), "\ud800", {"a\x00": 1}, HUGE, Incomparable(), values.deep(300)):
        await ctx.heartbeat(progress)


async def logs_odd_texts(ctx: Context) -> None:
    for name, text in TEXTS.items():
        ctx.log.info(text, what=name, a=Unprintable(), b=Incomparable())


async def forgets_its_step(_: Context) -> None:
    current_step.set(None)


async def keeps_its_context(ctx: Context) -> None:
    BEHIND.append(ctx)


HABITS: Final[dict[str, Act]] = {
    act.__name__.replace("_", " "): act
    for act in (
        swallows_once, raises_when_cancelled, is_slow_to_end, never_ends, cancels_itself, cancels_itself_and_goes_on,
        takes_cancellations_back, leaves_failing_tasks, leaves_tasks_behind, fails_in_a_group, has_a_timeout_of_its_own,
        notes_odd_progress, logs_odd_texts, forgets_its_step, keeps_its_context,
    )
}  # fmt: skip
BEHIND: Final[list[Any]] = []
"""Tasks and contexts that outlive their handlers. The caller of handlers empties it."""


def own_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


@dataclass(frozen=True, slots=True)
class Hostility:
    """The habit of one handler: it acts before or after its work on the first `times` attempts, or always returns a value."""

    name: str
    times: int
    act: Act
    is_early: bool
    annotation: Any
    result: Callable[[], Any] | None


ALWAYS: Final = 1_000_000


def draw(random: Random, *, may_reject: bool, may_return: bool) -> Hostility:
    """Draws a habit. `may_reject`: a rejection before or after the work is true. `may_return`: the handler's result counts."""
    is_early, times = random.random() < 0.5, random.choice((1, 1, 2, 3, ALWAYS))
    way = random.random()
    if way < 0.35 and may_return:
        name = random.choice(list(RESULTS))
        annotation, result = RESULTS[name]
        return Hostility(f"returns {name}", ALWAYS, _does_nothing, is_early, annotation, result)
    if way < 0.6:
        name = random.choice(list(HABITS))
        return Hostility(name, times, HABITS[name], is_early, str, None)
    offered = {**ERRORS, **REJECTIONS} if may_reject else ERRORS
    name = random.choice(list(offered))
    if name in ASKS_AGAIN:
        times = min(times, 3)  # a step that is always ongoing goes on until its deadline
    return Hostility(f"raises {name}", times, _raiser(offered[name]), is_early, str, None)


async def _does_nothing(_: Context) -> None:
    """Leaves it to the result."""


def _raiser(make: Callable[[], Any]) -> Act:
    async def act(_: Context) -> None:
        raise make()

    return act
