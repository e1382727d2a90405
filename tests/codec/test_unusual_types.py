"""Types that are seldom used as results: each value is read back equal, or refused with an error of the codec."""

from __future__ import annotations

import collections
import dataclasses
import decimal
import enum
import ipaddress
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import pydantic
import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypeAliasType, TypedDict

from saga.codec.codec import Codec, Misfit, Unreadable
from saga.codec.json_schema import accepted_schema, written_schema

T = TypeVar("T")
Tangled = TypeAliasType("Tangled", "int | list[Tangled]")


class Box(BaseModel, Generic[T]):
    held: T


class Numbers(RootModel[list[int]]): ...


class Pair(NamedTuple):
    first: int
    second: str = "x"


class Letter(enum.Enum):
    A = 1
    B = "b"


class Flags(enum.Flag):
    A = 1
    B = 2


class Partial(TypedDict, total=False):
    number: int


@dataclasses.dataclass(slots=True, kw_only=True, frozen=True)
class Slotted:
    number: int
    numbers: list[int] = dataclasses.field(default_factory=list)


@pydantic.dataclasses.dataclass
class Dressed:
    number: int


class Built(BaseModel):
    number: int

    def __init__(self, number: int) -> None:
        super().__init__(number=number)


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Late(BaseModel):
    model_config = ConfigDict(defer_build=True)
    number: int


class Tree(BaseModel):
    children: list[Tree] = []


READ_BACK: Final[tuple[tuple[Any, Any], ...]] = (
    (Box[int], Box[int](held=1)), (Box[Box[int]], Box[Box[int]](held=Box[int](held=1))), (Numbers, Numbers([1])),
    (Pair, Pair(1)), (Letter, Letter.A), (Flags, Flags.A), (Partial, {"number": 1}), (Partial, {}), (Slotted, Slotted(number=1)),
    (Dressed, Dressed(1)), (Built, Built(1)), (Annotated[Cat | Dog, Field(discriminator="kind")], Dog()), (Late, Late(number=1)),
    (Tree, Tree(children=[Tree()])), (Tangled, [1, [2]]), (pathlib.Path, pathlib.Path("/a")), (re.Pattern[str], re.compile("a")),
    (ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1")), (decimal.Decimal, decimal.Decimal("1.10")),
    (collections.deque[int], collections.deque([1])), (collections.Counter[str], collections.Counter("aab")), (Sequence[int], [1]),
    (frozenset[str], frozenset("ab")), (object, {"a": 1}), (bytes, b"abc"), (time, time(1, 2)), (timedelta, timedelta(seconds=1.5)),
    (complex, 1 + 2j), (pydantic.JsonValue, {"a": [1]}), (Mapping[str, int], {"a": 1}), (tuple[int, ...], (1, 2)), (tuple[()], ()),
    (int | float, 1), (int | float, 1.0), (int | str, "1"), (str | UUID, UUID(int=1)), (datetime | str, "2020-01-01"),
    (Annotated[str, AfterValidator(str.upper)], "A"), (dict[date, int], {date(2020, 1, 1): 1}), (dict[bool, int], {True: 1}),
    (dict[float, int], {1.5: 1}), (set[tuple[int, int]], {(1, 2)}), (pydantic.AwareDatetime, datetime(2020, 1, 1, tzinfo=UTC)),
)  # fmt: skip
REFUSED: Final[tuple[tuple[Any, Any], ...]] = (
    (Callable, len), (Sequence[int], (1,)), (bytes, b"\xff"), (type[int], bool), (pydantic.SkipValidation[int], "x"),
    (Annotated[str, AfterValidator("{}!".format)], "A"), (dict[Letter, int], {Letter.A: 1}),
    (Cat | Dog, {"kind": "cow"}), (pydantic.Secret[int], pydantic.Secret[int](1)),
)  # fmt: skip


def known(kind: Any) -> Codec:
    codec = Codec(kind)
    accepted_schema(codec.adapter)
    written_schema(codec.adapter)
    assert isinstance(codec.faults, tuple)
    return codec


@pytest.mark.parametrize(("kind", "value"), READ_BACK)
def test_an_unusual_value_is_read_back_equal(kind: Any, value: Any) -> None:
    codec = known(kind)

    read = codec.decode(codec.encode(value))

    assert (type(read), read) == (type(value), value)


def test_what_is_read_lazily_can_be_written() -> None:
    assert known(Iterable[int]).encode([1, 2]) == b"[1,2]"


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_an_unusual_value_is_refused_with_an_error_of_the_codec(kind: Any, value: Any) -> None:
    with pytest.raises((Misfit, Unreadable)):
        known(kind).encode(value)
