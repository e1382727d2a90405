"""The type of a value that comes from outside, a saga's input or an event: how it is written, and what is told about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import from_json

from saga.authoring.shape import UNKNOWN
from saga.codec.codec import Codec, Misfit, Value, encode_untyped
from saga.codec.json_schema import described
from saga.core.definition.json_value import Json
from saga.core.definition.known_type import known_type
from saga.core.definition.schema import misfits

AnyType: TypeAlias = Any
"""Any type that pydantic knows, generic ones included, or a `JsonSchema`. None: any JSON value."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A JSON Schema in place of a type: `Definition("order", input=JsonSchema({"type": "object"}))`."""

    document: Json


class InputType:
    """A type with what is known about its values."""

    def __init__(self, kind: AnyType) -> None:
        self._kind = kind

    def is_same(self, other: InputType) -> bool:
        """Returns whether both are of one type."""
        return bool(self._kind == other._kind)

    @property
    def shape(self) -> object:
        """The type against which recorded paths are checked."""
        if isinstance(self._kind, JsonSchema):
            return known_type(self._kind.document)
        return UNKNOWN if self._kind is None else self._kind

    def encode(self, value: Value) -> bytes:
        """Writes a value as JSON. Raises Misfit or Unreadable, see `Definition.encode_input`."""
        if isinstance(self._kind, JsonSchema):
            data = encode_untyped(value)
            if found := misfits(self._kind.document, from_json(data)):
                raise Misfit("; ".join(found))
            return data
        return encode_untyped(value) if self._kind is None else self._codec.encode(value)

    @property
    def schema(self) -> Json:
        """Its JSON Schema, for people; None for a type without one."""
        if self._kind is None or isinstance(self._kind, JsonSchema):
            return None if self._kind is None else self._kind.document
        try:
            return described(self._codec.adapter)
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return None

    @property
    def faults(self) -> tuple[str, ...]:
        """The reasons why inputs that are written could not be read back."""
        if self._kind is None or isinstance(self._kind, JsonSchema):
            return ()
        try:
            return self._codec.faults
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return ()

    @cached_property
    def _codec(self) -> Codec:
        return Codec(self._kind)
