"""Shapes of handlers: what can be called is called, and anything else is refused where it is registered."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from pydantic import SecretStr

from saga import Context, Definition, Participant, Reject, UsageError
from saga.runtime.handlers.handler_shape import shape_of
from tests.runtime.world import World


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as people write them: it knows nothing of async."""

    @functools.wraps(function)
    def call(*values: Any, **options: Any) -> Any:
        return function(*values, **options)

    return call


def unnamed(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        return function(*values)

    return call


async def double(number: int) -> int:
    return number * 2


async def times(number: int, *, factor: int) -> int:
    return number * factor


def double_in_a_thread(number: int) -> int:
    assert threading.current_thread() is not threading.main_thread()
    return number * 2


def answered_later(number: int) -> Any:
    return double(number)


class Doubler:
    async def __call__(self, number: int) -> int:
        return number * 2

    async def method(self, number: int, ctx: Context) -> int:
        return number * ctx.attempt * 2

    async def without_a_value(self) -> int:
        return 2

    @staticmethod
    async def static(number: int) -> int:
        return number * 2

    @classmethod
    async def of_the_class(cls, number: int) -> int:
        return number * 2


async def context_first(ctx: Context, number: int) -> int:
    return number * ctx.attempt * 2


async def by_position(number: int, ctx: Context, /) -> int:
    return number * ctx.attempt * 2


async def optional_context(number: int, context: Context | None = None) -> int:
    return number * (2 if context else 0)


async def annotated_context(context: Annotated[Context, "given"], number: int) -> int:
    return number * context.attempt * 2


async def context_by_name(number: int, *, context: Context, factor: int = 2) -> int:
    return number * context.attempt * factor


WORKING: dict[str, Callable[..., Any]] = {
    "plain": double,
    "decorated": logged(double),
    "decorated twice": logged(logged(double)),
    "partial": functools.partial(times, factor=2),
    "partial of a decorated one": functools.partial(logged(times), factor=2),
    "object": Doubler(),
    "decorated object": logged(Doubler()),
    "method": Doubler().method,
    "static method": Doubler.static,
    "static method object": staticmethod(double),
    "class method": Doubler.of_the_class,
    "sync": double_in_a_thread,
    "decorated sync": logged(double_in_a_thread),
    "sync that returns an awaitable": answered_later,
    "lambda": lambda number: number * 2,
    "context first": context_first,
    "context by position only": by_position,
    "optional context": optional_context,
    "annotated context": annotated_context,
    "context by name": context_by_name,
}


async def test_every_shape_that_can_be_called_works(any_world: World) -> None:
    service, definition = Participant("service"), Definition("shapes", input=int)
    results = []
    for position, function in enumerate(WORKING.values()):
        service.step(name=f"step_{position}", external=True, read_only=True)(function)
        results.append(definition.step(f"service.step_{position}").output)
    definition.returns(results)
    sagas = await any_world.join(service)

    ending = await (await sagas.start(definition, 21)).result(10)

    assert dict(zip(WORKING, ending.value, strict=True)) == dict.fromkeys(WORKING, 42)


@pytest.mark.parametrize("mode", ["transactional", "external"])
async def test_a_decorated_compensation_and_its_context_work(any_world: World, mode: str) -> None:
    service, undone = Participant("service", database=any_world.url), list[object]()
    is_external = mode == "external"

    @service.step(external=is_external)
    @logged
    async def hold(ctx: Context, number: int) -> int:
        return number

    @hold.compensation
    @logged
    async def free(number: int, ctx: Context, result: int) -> None:
        undone.append((number, result, ctx.operation.name))

    @service.step(external=is_external)
    async def refuse() -> None:
        raise Reject("no")

    definition = Definition("undone", input=int)
    definition.step("service.refuse", after=definition.step("service.hold"))
    sagas = await any_world.join(service)

    ending = await (await sagas.start(definition, 7)).result(10)

    assert (ending.status, undone) == ("compensated", [(7, 7, "COMPENSATE")])


async def generator(number: int) -> AsyncIterator[int]:
    yield number


def sync_generator(number: int) -> Iterator[int]:
    yield number


async def keyword_only(*, number: int) -> int:
    return number


async def two_values(one: int, two: int) -> int:
    return one + two


async def two_contexts(ctx: Context, context: Context) -> None: ...


async def unknown_annotation(number: Unknown) -> None: ...  # type: ignore[name-defined] # noqa: F821


async def unreadable_annotation(number: asyncio.Nothing) -> None: ...  # type: ignore[name-defined]


async def unknown_to_pydantic(lock: asyncio.Lock) -> None: ...


REFUSED = [
    (generator, "the handler is a generator: return the result instead of yielding it"),
    (functools.partial(sync_generator, 1), "the handler is a generator"),
    (keyword_only, r"number is keyword-only, and values are passed by position: remove the \* before it"),
    (unnamed(double), r"this one takes \*values: a decorator must keep the signature \(functools.wraps\)"),
    (two_values, "this one takes one, two: several values are one model"),
    (Doubler.method, r"this is a method without its object: register the bound one, as in participant.step"),
    (Doubler.without_a_value, "this is a method without its object"),
    (two_contexts, "this one has 2 parameters for the context"),
    (unknown_annotation, "the annotation 'Unknown' cannot be found from its module"),
    (unreadable_annotation, "an annotation cannot be read"),
    (unknown_to_pydantic, "pydantic cannot read and write <class 'asyncio.locks.Lock'>"),
    (type, "cannot be called as a handler"),
]


@pytest.mark.parametrize(("function", "reason"), REFUSED)
def test_a_shape_that_cannot_be_called_is_refused_where_it_is_registered(function: Any, reason: str) -> None:
    service = Participant("service")

    with pytest.raises(UsageError, match=f"^service.step: .*{reason}"):
        service.step(name="step", external=True)(function)


@pytest.mark.parametrize("function", ["charge", 5])
def test_what_is_not_a_function_is_refused(function: Any) -> None:
    with pytest.raises(UsageError, match=f"participant service: {function!r} is not a function"):
        Participant("service").step(function)


def test_a_handler_without_a_name_needs_one() -> None:
    with pytest.raises(UsageError, match="has no name: give the step one with name="):
        Participant("service").step(external=True)(Doubler())


def test_a_compensation_and_a_probe_are_checked_like_the_step() -> None:
    service = Participant("service")
    step = service.step(external=True)(double)

    with pytest.raises(UsageError, match=r"service.double \(compensation\): .*takes one, two, three"):
        step.compensation(lambda one, two, three: (one, two, three))
    with pytest.raises(UsageError, match=r"service.double \(probe\): .*is a generator"):
        step.probe(generator)


@pytest.mark.parametrize("role", ["step", "compensation"])
def test_a_sync_handler_cannot_use_an_async_transaction(role: str) -> None:
    service = Participant("service", database="store")
    step = service.step(double)

    def insert(number: int, ctx: Context) -> None:
        _ = ctx.sql.execute("insert into stock values ($1)", number)

    register = service.step if role == "step" else step.compensation

    with pytest.raises(
        UsageError, match=r"service.* ctx.sql is async, so a handler that takes a ctx .* must be async def"
    ):
        register(insert)


def test_a_sync_handler_without_a_transaction_may_take_a_context() -> None:
    service = Participant("service", database="store")

    def call(number: int, ctx: Context) -> int:
        return number

    assert service.step(external=True)(call)(3, None) == 3  # type: ignore[arg-type]
    assert not shape_of(call, "service.call", values=1).is_async


@pytest.mark.parametrize(
    "database",
    ["SHOP_DB", "", "$", "$SHOP-DB", "Store", "ann:s3cret@host/shop", 17, SecretStr("postgresql://ann:s3cret@h")],
)
def test_what_cannot_be_a_database_is_refused_where_it_is_written(database: Any) -> None:
    with pytest.raises(UsageError) as refused:
        Participant("shop", database=database)

    assert "participant shop: database= cannot be" in str(refused.value)
    assert '"$SHOP_DB"' in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_database_is_read_from_its_variable_without_the_end_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DB", "postgresql://h/shop\n")

    assert Participant("shop", database="$SHOP_DB").database_url() == "postgresql://h/shop"


async def test_the_participant_whose_database_cannot_be_opened_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB", "postgresql+asyncpg://ann:s3cret@h/shop")
    with pytest.raises(UsageError, match=r"participant shop, database=\$SHOP_DB: .*Write postgresql://"):
        await world.join(Participant("shop", database="$SHOP_DB"))
    with pytest.raises(UsageError) as refused:
        await world.join(Participant("shop", database="postgresql://ann:12/s3cret@h/shop"))

    assert str(refused.value).startswith("participant shop, database=postgresql://...: ")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "concurrency", [0, -1, True, "4", 100_001, 10**5_000], ids=["0", "-1", "True", "text", "100001", "huge"]
)
def test_a_concurrency_that_cannot_be_is_refused_where_it_is_written(concurrency: Any) -> None:
    with pytest.raises(UsageError, match="participant shop: concurrency must be a whole number from 1 to 100000, not "):
        Participant("shop", concurrency=concurrency)
