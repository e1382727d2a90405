"""A function that a user has registered for a step."""

from __future__ import annotations

from typing import Final

import pydantic
from pydantic import TypeAdapter

from saga.errors import InputRefused, UsageError
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_shape import Handler, Value, shape_of
from saga.runtime.handlers.validation_message import validation_message

Adapter = TypeAdapter[Value]
_ANYTHING: Final[Adapter] = TypeAdapter(Value)


class HandlerFunction:
    """A function that executes, compensates or probes a step, with the types of its parameters."""

    def __init__(self, function: Handler, place: str, *, values: int, has_transaction: bool = False) -> None:
        self.function = function
        self.place = place
        self.shape = shape = shape_of(function, place, values=values)
        if has_transaction and shape.takes_context and not shape.is_async:
            raise UsageError(
                f"{place}: ctx.sql is async, so a handler that takes a ctx in a participant with a database must be async def "
                "(run blocking code in it with asyncio.to_thread)"
            )
        self.is_async: bool = shape.is_async
        self.value_count: int = len(shape.value_hints)
        self.accepted: Adapter = _adapter(shape.value_hints[0], place) if shape.value_hints else _ANYTHING
        self.returned: Adapter = _adapter(shape.returned_hint, place)

    def read(self, data: bytes) -> Value:
        """Turns stored JSON into the handler's input.

        Raises:
            InputRefused: it does not fit the annotation.
        """
        try:
            return self.accepted.validator.validate_json(data)
        except pydantic.ValidationError as error:
            raise InputRefused(f"{self.place}: the input does not fit: {validation_message(error)}") from error

    def call(self, values: tuple[Value, ...], context: Context) -> Value:
        """Calls the function with as many of the values as it takes, and the context if it takes one."""
        shape = self.shape
        positional = values[: self.value_count]
        if shape.context_position is not None:
            at = shape.context_position
            return self.function(*positional[:at], context, *positional[at:])
        if shape.context_name is not None:
            return self.function(*positional, **{shape.context_name: context})
        return self.function(*positional)


def _adapter(annotation: Value, place: str) -> Adapter:
    if annotation is Value:
        return _ANYTHING
    try:
        return TypeAdapter(annotation)
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        raise UsageError(f"{place}: pydantic cannot read and write {annotation!r}: {error}") from error
