"""Writes the values of a type as JSON and reads them. A value that could not be read back equal is refused when it is written."""

from __future__ import annotations

import dataclasses
from functools import cached_property, lru_cache
from typing import Any, Final

import pydantic
from pydantic import TypeAdapter
from pydantic_core import from_json

from saga.codec.misread import misread
from saga.codec.plain import has_long_integer, plain_types
from saga.codec.unreadable import type_faults
from saga.codec.unwritable import value_fault
from saga.codec.validation_message import validation_message

Value = Any  # of any type that pydantic knows

SHORT_BYTES_MAX: Final = 4096
"""In a value of up to this size, no integer has too many digits to be read."""
CODECS_MAX: Final = 256
_NOT_NUMBERS: Final = (b"NaN", b"Infinity")
_LOSSES: Final = (b"null", b"**********")


class Misfit(ValueError):
    """A value that its type does not allow. The message names the fields."""


class Unreadable(ValueError):
    """A value that would be lost or changed if it were written and read back. The message names the field, and shows no value."""


class Codec:
    """Writes and reads the values of one type, as pydantic does with `by_alias=True`."""

    def __init__(self, annotation: Value) -> None:
        self.adapter: TypeAdapter[Value] = TypeAdapter(annotation)

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """The reasons why values of the type cannot be read back, as far as the type tells; empty for a usable type.

        Raises:
            pydantic.errors.PydanticUserError: the type refers to a name that is not defined yet.
        """
        return type_faults(self.adapter.core_schema)

    @cached_property
    def _plain(self) -> frozenset[type]:
        return plain_types(self.adapter.core_schema)

    def encode(self, value: Value) -> bytes:
        """Checks a value against the type and writes it.

        Raises:
            Misfit: the type does not allow it.
            Unreadable: reading what was written does not give an equal value of the same type.
        """
        try:
            fitting = self.adapter.validator.validate_python(value)
            data = self.adapter.serializer.to_json(fitting, by_alias=True, warnings="error")
        except (pydantic.errors.PydanticUserError, ValueError) as error:
            raise Misfit(validation_message(error)) from error
        is_plain = type(fitting) in self._plain
        if not is_plain or (len(data) > SHORT_BYTES_MAX and has_long_integer(fitting)):
            self._check(fitting, data)
        return data

    def decode(self, data: bytes) -> Value:
        """Reads a value.

        Raises:
            Misfit: the type does not allow it.
        """
        try:
            return self.adapter.validator.validate_json(data)
        except pydantic.ValidationError as error:
            raise Misfit(validation_message(error)) from error

    def _check(self, value: Value, data: bytes) -> None:
        try:
            if any(word in data for word in _NOT_NUMBERS):
                from_json(data, allow_inf_nan=False)
            fault = misread(value, self.adapter.validator.validate_json(data))
        except ValueError as error:
            fault = f"what is written of it is refused when it is read: {validation_message(error)}"
        if fault:
            raise Unreadable(value_fault(value) or fault)


JSON: Final = Codec(Value)
"""Values without a type: what is read is plain JSON."""


@lru_cache(maxsize=CODECS_MAX)
def _codec_of(kind: type) -> Codec:
    return Codec(kind)


def encode_untyped(value: Value) -> bytes:
    """Writes a value for readers with types of their own: a UUID or a tuple is written as they read it, a model as its type says.

    Raises:
        Misfit: it has no JSON form.
        Unreadable: a part of it would be lost, whatever the reader's type.
    """
    if isinstance(value, pydantic.BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return _codec_of(type(value)).encode(value)
    try:
        data = JSON.adapter.serializer.to_json(value, by_alias=True)
    except ValueError as error:
        raise Misfit(str(error)) from error
    if any(loss in data for loss in _LOSSES) and (fault := value_fault(value)):
        raise Unreadable(fault)
    return data
