"""The shape of a Python type's JSON: enough to check a recorded path where it is written.

Whatever is not certain is left unchecked. Fields have the names that pydantic writes with `by_alias=True`.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import (
    Annotated,
    Final,
    ForwardRef,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from saga.core.definition.known_type import KnownType, words
from saga.core.definition.paths import Segment

UNKNOWN: Final = object()

_SCALARS: Final = (str, int, float, bytes, Decimal, date, time, timedelta, UUID, Enum, PurePath, types.NoneType)
_LISTS: Final = frozenset({list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Set})
_OBJECTS: Final = frozenset({dict, collections.abc.Mapping})


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One part of a value: its key or index in the JSON, and its shape."""

    segment: Segment
    shape: object


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """The shape of an object that has these fields and no others."""

    shapes: Mapping[str, object]


class NoSuchPartError(Exception):
    """A type cannot have this part. The message is a clause, as in: "is a list and has no field 'sku'"."""

    def __init__(self, clause: str, remedy: str, fields: tuple[str, ...]) -> None:
        super().__init__(clause)
        self.remedy = remedy
        self.fields = fields


def part(shape: object, segment: Segment) -> Part:
    """Returns a part of a type.

    Raises:
        NoSuchPartError: no value of the type has this part.
    """
    if isinstance(shape, KnownType):
        return _part_of_schema(shape, segment)
    if isinstance(shape, Fields):
        return _field_of(shape.shapes, segment)
    found: list[Part] = []
    refusal: NoSuchPartError | None = None
    for member in _members(shape):
        try:
            found.append(_part(member, segment))
        except NoSuchPartError as error:
            refusal = error
    if len(found) == 1:
        return found[0]
    if not found and refusal is not None:
        raise refusal
    return Part(segment, UNKNOWN)


def type_other_than_bool(shape: object) -> str | None:
    """Returns the type of a shape of which no value is true or false, such as "str". None: some may be."""
    if isinstance(shape, Fields):
        return "dict"
    if isinstance(shape, KnownType):
        types = [each.types for each in shape.alternatives()]
        return None if not all(types) or "boolean" in frozenset().union(*types) else words(frozenset().union(*types))
    kinds = [get_origin(member) or member for member in _members(shape)]
    named = [kind.__name__ for kind in kinds if isinstance(kind, type) and _is_other_than_bool(kind)]
    return " or ".join(named) if len(named) == len(kinds) else None


def _is_other_than_bool(kind: type) -> bool:
    return kind in _SCALARS or kind in _LISTS or kind in _OBJECTS or _fields(kind) is not None


def _part_of_schema(shape: KnownType, segment: Segment) -> Part:
    members = shape.alternatives()
    found = [below for each in members if (below := each.part(segment)) is not None]
    if not found:
        fields = tuple(name for each in members for name in each.properties)
        raise NoSuchPartError(
            f"has no {segment!r}, says its JSON Schema", "" if fields else "Shorten the path.", fields
        )
    return Part(segment, found[0] if len(found) == 1 else UNKNOWN)


def _field_of(shapes: Mapping[str, object], segment: Segment) -> Part:
    if isinstance(segment, str) and segment in shapes:
        return Part(segment, shapes[segment])
    raise NoSuchPartError(f"has no field {segment!r}", "", tuple(shapes))


def _members(shape: object) -> list[object]:
    """Unwraps unions and wrappers of a type. None does not count as a member if there is another one."""
    if isinstance(shape, str | ForwardRef | TypeVar):
        return [UNKNOWN]
    origin = get_origin(shape)
    if origin is Annotated:
        return [UNKNOWN] if _is_rewritten(get_args(shape)[1:]) else _members(get_args(shape)[0])
    if origin in (Union, types.UnionType):
        members = [member for entry in get_args(shape) for member in _members(entry)]
        return [member for member in members if member is not types.NoneType] or members
    wrapped = getattr(shape, "__supertype__", None) or getattr(shape, "__value__", None)  # NewType, `type X = ...`
    if wrapped is not None and not isinstance(shape, type):
        return _members(wrapped)
    if isinstance(shape, type) and issubclass(shape, RootModel):
        return _members(shape.model_fields["root"].annotation)
    return [shape]


def _part(shape: object, segment: Segment) -> Part:
    kind = get_origin(shape) or shape
    if kind is Literal:
        kind = str
    if not isinstance(kind, type):
        return Part(segment, UNKNOWN)
    fields = _fields(kind)
    if fields is not None:
        return _field(kind, fields, segment)
    if issubclass(kind, _SCALARS):
        raise NoSuchPartError(f"has the type {kind.__name__}, which has no parts", "Shorten the path.", ())
    if kind in _OBJECTS:
        if not isinstance(segment, str):
            raise NoSuchPartError("is a JSON object, whose keys are strings", f"Write [{str(segment)!r}].", ())
        return Part(segment, _argument(shape, 1))
    if kind in _LISTS:
        if not isinstance(segment, int):
            raise NoSuchPartError(f"is a list and has no field {segment!r}", "Write an index, as in [0].", ())
        return Part(segment, _entry(shape, segment))
    return Part(segment, UNKNOWN)


def _argument(shape: object, position: int) -> object:
    arguments = get_args(shape)
    return arguments[position] if position < len(arguments) else UNKNOWN


def _entry(shape: object, index: int) -> object:
    arguments = get_args(shape)
    if get_origin(shape) is not tuple or arguments[1:] == (...,):
        return _argument(shape, 0)
    if index >= len(arguments):
        raise NoSuchPartError(f"has {len(arguments)} entries and no [{index}]", "Count from 0.", ())
    return arguments[index]


def _field(kind: type, fields: Mapping[str, Part], segment: Segment) -> Part:
    for name, found in fields.items():
        if segment in (name, found.segment):
            return found
    if isinstance(segment, str) and _takes_more(kind):
        return Part(segment, UNKNOWN)
    raise NoSuchPartError(f"has the type {kind.__name__}, which has no field {segment!r}", "", tuple(fields))


def _takes_more(kind: type) -> bool:
    return issubclass(kind, BaseModel) and kind.model_config.get("extra") == "allow"


def _fields(kind: type) -> dict[str, Part] | None:
    """The fields of a model, dataclass or TypedDict by name; None for any other type, or one with its own serializer."""
    if issubclass(kind, BaseModel):
        return _model_fields(kind)
    declared = getattr(kind, "__pydantic_fields__", None)  # a pydantic dataclass
    if declared is not None:
        return _declared(declared)
    if not dataclasses.is_dataclass(kind) and not is_typeddict(kind):
        return None
    try:
        hints = get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):  # names that are defined elsewhere, or not yet
        return None
    names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else list(hints)
    return {name: Part(name, _optional(hints[name])) for name in names}


def _optional(hint: object) -> object:
    """Unwraps Required and NotRequired."""
    name = getattr(get_origin(hint), "__name__", getattr(get_origin(hint), "_name", ""))
    return get_args(hint)[0] if name in {"Required", "NotRequired", "ReadOnly"} else hint


def _model_fields(kind: type[BaseModel]) -> dict[str, Part] | None:
    decorators = kind.__pydantic_decorators__
    if decorators.model_serializers:
        return None
    fields = _declared(kind.model_fields)
    for name, computed in kind.model_computed_fields.items():
        fields[name] = Part(computed.alias or name, computed.return_type)
    for serializer in decorators.field_serializers.values():
        rewritten = fields if "*" in serializer.info.fields else serializer.info.fields
        for name in list(rewritten):
            fields[name] = Part(fields[name].segment, UNKNOWN)
    return fields


def _declared(declared: Mapping[str, FieldInfo]) -> dict[str, Part]:
    return {
        name: Part(info.serialization_alias or name, _shape(info))
        for name, info in declared.items()
        if not info.exclude
    }


def _shape(info: FieldInfo) -> object:
    return UNKNOWN if _is_rewritten(tuple(info.metadata)) else info.annotation


def _is_rewritten(metadata: tuple[object, ...]) -> bool:
    """Returns whether a custom serializer makes the JSON of a value."""
    return any(type(entry).__name__ in {"PlainSerializer", "WrapSerializer"} for entry in metadata)
