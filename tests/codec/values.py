"""Types whose values pydantic writes in a form that it does not read, or reads as something else."""

from __future__ import annotations

import dataclasses
import enum
import math
import uuid
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import pydantic
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    PrivateAttr,
    SecretBytes,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
)
from typing_extensions import TypedDict


class Base(BaseModel):
    id: int


class More(Base):
    extra: str


class Same(Base):
    """A subclass without a field of its own: it would be read as its base."""


class Holder(BaseModel):
    held: Base
    many: list[Base] = []


class Plain(BaseModel):
    sku: str
    count: int = 1


class One(BaseModel):
    held: Base


class Many(BaseModel):
    held: list[Plain]


class Listed(BaseModel):
    names: list[list[str | None]] | None


class Rates(BaseModel):
    rate: float | None


class Loose(BaseModel):
    data: dict[str, Any]


class Timed(BaseModel):
    at: datetime


class Schedule(BaseModel):
    first: Timed
    later: list[datetime]


REPEATED: Final = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
SKIPPED: Final = datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
"""Times in the hours that the clocks repeat and skip: == takes them for equal to no time of another zone."""
OLD: Final = datetime(1890, 1, 1, tzinfo=timezone(timedelta(minutes=19, seconds=32)))
"""The offsets of old dates have seconds, which JSON does not have."""


class Formatted(BaseModel):
    at: datetime

    @field_serializer("at")
    def shown(self, at: datetime) -> str:
        return at.strftime("%d.%m.%Y")


class Taxed(BaseModel):
    cents: int

    @field_validator("cents")
    @classmethod
    def add_tax(cls, cents: int) -> int:
        return cents + 19


class Noted(BaseModel):
    id: int
    _note: str = PrivateAttr("none")


class ExcludedWithDefault(BaseModel):
    id: str
    note: str = Field("none", exclude=True)


class AliasedWithDefault(BaseModel):
    charge: str = Field("none", serialization_alias="chargeId")


class Short(BaseModel):
    sku: Annotated[str, Field(max_length=3)]


class Box(BaseModel):
    """Its own JSON has no place for its weight."""

    sku: str
    weight: int

    @model_serializer
    def written(self) -> dict[str, Any]:
        return {"sku": self.sku, "weight": 1}


class Colour(enum.StrEnum):
    RED = "red"


class Bytes(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64")
    raw: bytes


@dataclasses.dataclass
class Parcel:
    id: int
    weight: int = dataclasses.field(init=False, default=0)


class Handwritten:
    """A class of the user's that pydantic knows through functions, and that has no equality."""

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        schema = pydantic.TypeAdapter(str).core_schema
        return pydantic_core_schema(cls, schema)


def pydantic_core_schema(cls: Any, schema: Any) -> Any:
    from pydantic_core import core_schema as cs  # noqa: PLC0415 (only here)

    reads = cs.no_info_after_validator_function(cls, schema)
    python = cs.union_schema([cs.is_instance_schema(cls), reads])
    writes = cs.plain_serializer_function_ser_schema(lambda value: value.text)
    return cs.json_or_python_schema(json_schema=reads, python_schema=python, serialization=writes)


def noted() -> Noted:
    value = Noted(id=1)
    value._note = "kept in memory only"
    return value


def changed(value: Any, **fields: Any) -> Any:
    """A value that was changed after it was checked."""
    for name, content in fields.items():
        setattr(value, name, content)
    return value


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


UNREADABLE: Final[dict[str, tuple[Any, Any, str]]] = {
    "NaN": (float, math.nan, "value: nan is not a JSON number"),
    "infinity": (float, -math.inf, "value: -inf is not a JSON number"),
    "NaN in an optional field": (Rates, Rates(rate=math.nan), "rate: nan is not a JSON number"),
    "NaN without a type": (Any, {"rates": [1.0, math.nan]}, "rates.1: nan is not a JSON number"),
    "subclass": (Base, More(id=1, extra="x"), "its type is More, and it is read back as Base"),
    "subclass without fields": (Base, Same(id=1), "its type is Same, and it is read back as Base"),
    "subclass in a field": (Holder, Holder(held=More(id=1, extra="x")), "held: its type is More"),
    "subclass in the only field": (One, One(held=More(id=1, extra="x")), "held: its type is More"),
    "subclass in a list": (list[Base], [Base(id=1), Same(id=2)], "1: its type is Same"),
    "own serializer": (Formatted, Formatted(at=datetime(2026, 2, 13)), "at: Input should be a valid datetime"),  # noqa: DTZ001
    "own serializer of a model": (Box, Box(sku="a", weight=7), "weight: it is read back as another value"),
    "validator that changes": (Taxed, Taxed(cents=100), "cents: it is read back as another value"),
    "private attribute": (Noted, noted(), "_note: it is read back as another value"),
    "excluded field with a default": (ExcludedWithDefault, ExcludedWithDefault(id="1", note="t"), "note: it is read"),
    "alias of one way with a default": (AliasedWithDefault, AliasedWithDefault(charge="c"), "charge: it is read back"),
    "changed beyond its limit": (Short, changed(Short(sku="abc"), sku="abcd"), "sku: String should have at most 3"),
    "UUID without a type": (Any, {"id": uuid.UUID(int=1)}, "id: its type is UUID, and it is read back as str"),
    "UUID in a loose field": (Loose, Loose(data={"id": uuid.UUID(int=1)}), "data.id: its type is UUID"),
    "tuple without a type": (Any, (1, 2), "value: its type is tuple, and it is read back as list"),
    "tuple in a list": (list[Any], [(1, 2)], "0: its type is tuple"),
    "set without a type": (Any, {1}, "value: its type is set"),
    "model without a type": (Any, Base(id=1), "value: its type is Base, and it is read back as dict"),
    "enum without a type": (Any, Colour.RED, "value: its type is Colour, and it is read back as str"),
    "number as a key": (Any, {1: "a"}, "1: it is lost when it is written"),
    "two keys of one text": (Any, {1: "a", "1": "b"}, "1: it is lost when it is written"),
    "secret without a type": (Any, {"card": SecretStr("4242")}, "card is a secret, of which asterisks would be written"),
    "secret bytes in a list": (list[Any], [SecretBytes(b"4242")], "0 is a secret"),
    "bytes written as base64": (Bytes, Bytes(raw=b"abc"), "raw: it is read back as another value"),
    "number of 5,000 digits": (int, 10**5_000, "number out of range"),
    "number in a plain model": (Plain, Plain(sku="a", count=10**4_500), "number out of range"),
    "deeper than JSON is read": (Any, deep(230), "recursion limit exceeded"),
    "field without init": (Parcel, changed(Parcel(id=1), weight=3), "weight: it is read back as another value"),
    "another mapping": (Any, OrderedDict(a=1), "its type is OrderedDict"),
}  # fmt: skip
"""Name -> the type, a value, and the words of the refusal."""

READABLE: Final[dict[str, tuple[Any, Any]]] = {
    "plain model": (Plain, Plain(sku="a")),
    "computed field": (Base, Base(id=2)),
    "exact class in a field": (Holder, Holder(held=Base(id=1), many=[Base(id=2)])),
    "excluded field at its default": (ExcludedWithDefault, ExcludedWithDefault(id="1", note="none")),
    "revealed secret": (Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value)], SecretStr("4242")),
    "class without equality": (Handwritten, Handwritten("a")),
    "UUID as a key": (dict[uuid.UUID, int], {uuid.UUID(int=1): 1}),
    "numbers as keys": (dict[int, str], {1: "a", 2: "b"}),
    "tuple": (tuple[int, str], (1, "a")),
    "set": (set[int], {3, 1, 2}),
    "decimal": (Decimal, Decimal("0.10")),
    "ordered dict": (OrderedDict[str, int], OrderedDict(a=1)),
    "JSON without a type": (Any, {"a": [1, 2.5, None, True, {"b": "c"}]}),
    "None": (None, None),
    "optional model": (Plain | None, None),
    "text that says NaN": (Any, {"note": "NaN and Infinity"}),
}  # fmt: skip


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cents: int

    @computed_field
    def euros(self) -> float:
        return self.cents / 100


class ComputedExtra(Computed):
    model_config = ConfigDict(extra="allow")


class WrittenAs(BaseModel):
    charge: str = Field(serialization_alias="chargeId")


class ReadAs(BaseModel):
    charge: str = Field(validation_alias="chargeId")


class ReadByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    charge: str = Field(alias="chargeId")


class Excluded(BaseModel):
    token: str = Field(exclude=True)


class Paid(BaseModel):
    card: SecretStr | None


class Keyed(BaseModel):
    key: pydantic.Secret[int]


class Nested(BaseModel):
    paid: list[Paid]


class Packed(BaseModel):
    numbers: Json[list[int]]


class Given(TypedDict):
    card: SecretStr


@dataclasses.dataclass
class Wallet:
    card: SecretStr


UNREADABLE_TYPES: Final[dict[Any, str]] = {
    Computed: r"Computed.euros is computed, .* set extra='ignore'",
    ComputedExtra: r"ComputedExtra.euros is computed",
    WrittenAs: "WrittenAs.charge is written as 'chargeId', and not read by that name",
    ReadAs: "ReadAs.charge is written as 'charge', and not read by that name",
    ReadByName: "ReadByName.charge is written as 'chargeId', and not read by that name",
    Excluded: "Excluded.token is excluded when it is written, and required when it is read",
    Packed: "Packed.numbers is pydantic's Json",
    dict[tuple[int, int], str]: "the value has keys that are not scalars",
    Paid: "Paid.card is a secret, of which asterisks would be written: pass a reference to it",
    Keyed: "Keyed.key is a secret",
    Nested: "Paid.card is a secret",
    Given: "Given.card is a secret",
    Wallet: "Wallet.card is a secret",
    dict[str, SecretBytes]: "the value is a secret",
}
"""Types that are refused before there is a value, with the words."""


class Aliased(BaseModel):
    charge: str = Field(alias="chargeId")


class AliasedByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True)
    charge: str = Field(validation_alias="chargeId")


class Choice(BaseModel):
    charge: str = Field(validation_alias=pydantic.AliasChoices("id", "charge"), serialization_alias="id")


class Revealed(BaseModel):
    card: SecretStr

    @field_serializer("card", when_used="json")
    def shown(self, card: SecretStr) -> str:
        return card.get_secret_value()


class ComputedIgnored(BaseModel):
    cents: int

    @computed_field
    def euros(self) -> float:
        return self.cents / 100


class Tree(BaseModel):
    children: list[Tree] = []


USABLE_TYPES: Final[tuple[Any, ...]] = (
    Aliased, AliasedByName, Choice, Revealed, ComputedIgnored, Tree, Plain, Parcel, Holder, int, dict[uuid.UUID, str], Any,
    READABLE["revealed secret"][0],
)  # fmt: skip
