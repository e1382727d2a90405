"""The type of a definition's input: how it is written, and what is told about it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from saga.authoring.shape import UNKNOWN
from saga.codec.codec import Codec, Value, encode_untyped
from saga.core.definition.json_value import Json


class InputType:
    """A pydantic model, a dataclass, a TypedDict or any type that pydantic knows. None: any JSON value."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    @property
    def shape(self) -> object:
        """The type against which recorded paths are checked."""
        return UNKNOWN if self._kind is None else self._kind

    def encode(self, value: Value) -> bytes:
        """Writes an input as JSON. Raises Misfit or Unreadable, see `Definition.encode_input`."""
        return encode_untyped(value) if self._kind is None else self._codec.encode(value)

    @property
    def schema(self) -> Json:
        """Its JSON Schema, for people; None for a type without one."""
        if self._kind is None:
            return None
        try:
            return self._codec.adapter.json_schema()
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return None

    @property
    def faults(self) -> tuple[str, ...]:
        """The reasons why inputs that are written could not be read back."""
        if self._kind is None:
            return ()
        try:
            return self._codec.faults
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return ()

    @cached_property
    def _codec(self) -> Codec:
        return Codec(self._kind)
