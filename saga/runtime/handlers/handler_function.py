"""A function that a user has registered for a step."""

from __future__ import annotations

import pydantic

from saga.codec.codec import JSON, Codec, Misfit, Value
from saga.core.text import DOES_NOT_FIT
from saga.errors import InputRefused, UsageError
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_shape import Handler, HandlerShape, shape_of
from saga.runtime.handlers.raised import Escaped


class HandlerFunction:
    """A function that executes, compensates or probes a step, with the types of its parameters."""

    def __init__(self, function: Handler, place: str, *, values: int, has_transaction: bool = False) -> None:
        self.function = function
        self.place = place
        self.shape: HandlerShape = shape_of(function, place, values=values)
        shape = self.shape
        if has_transaction and shape.takes_context and not shape.is_async:
            raise UsageError(
                f"{place}: ctx.sql is async, so a handler that takes a ctx in a participant with a database must be async def "
                "(run blocking code in it with asyncio.to_thread)"
            )
        self.is_async: bool = shape.is_async
        self.value_count: int = len(shape.value_hints)
        self.accepted: Codec = _codec(shape.value_hints[0], place) if shape.value_hints else JSON
        self.returned: Codec = _codec(shape.returned_hint, place)

    def read(self, data: bytes) -> Value:
        """Turns stored JSON into the handler's input.

        Raises:
            InputRefused: it does not fit the annotation.
        """
        try:
            return self.accepted.decode(data)
        except Misfit as error:
            raise InputRefused(f"{self.place}: the input {DOES_NOT_FIT}{error}") from error

    def call(self, values: tuple[Value, ...], context: Context) -> Value:
        """Calls the function with as many of the values as it takes, and the context if it takes one."""
        shape = self.shape
        positional = values[: self.value_count]
        try:
            if shape.context_position is not None:
                at = shape.context_position
                return self.function(*positional[:at], context, *positional[at:])
            if shape.context_name is not None:
                return self.function(*positional, **{shape.context_name: context})
            return self.function(*positional)
        except (StopIteration, GeneratorExit) as error:  # a coroutine that raised them would seem to have ended
            raise Escaped from error


def _codec(annotation: Value, place: str) -> Codec:
    if annotation is Value:
        return JSON
    try:
        return Codec(annotation)
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        raise UsageError(f"{place}: pydantic cannot read and write {annotation!r}: {error}") from error
