"""A function that a user has registered for a step."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, Final

import pydantic
from pydantic import TypeAdapter

from saga.errors import InputRefused, UsageError
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.validation_message import validation_message

Value = Any  # what a handler takes or returns: any type that pydantic knows
Handler = Callable[..., Value]
Adapter = TypeAdapter[Value]
_ANYTHING: Final[Adapter] = TypeAdapter(Value)


class HandlerFunction:
    """A function that executes, compensates or probes a step, with the types of its parameters."""

    def __init__(self, function: Handler, place: str, *, values: int) -> None:
        self.function = function
        self.place = place
        self.is_async: bool = inspect.iscoroutinefunction(function)
        hints = _hints(function, place)
        parameters = list(inspect.signature(function).parameters.values())
        self.context_name: str | None = next(
            (p.name for p in parameters if hints.get(p.name) is Context or p.name == "ctx"), None
        )
        named = [p for p in parameters if p.name != self.context_name]
        if len(named) > values or any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in named):
            raise UsageError(
                f"{place}: a handler takes at most {values} value(s) and a ctx: Context, not {inspect.signature(function)}"
            )
        self.value_count: int = len(named)
        self.accepted: Adapter = _adapter(hints.get(named[0].name, Value)) if named else _ANYTHING
        self.returned: Adapter = _adapter(hints.get("return", Value))

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
        positional = values[: self.value_count]
        if self.context_name is None:
            return self.function(*positional)
        return self.function(*positional, **{self.context_name: context})


def _hints(function: Handler, place: str) -> dict[str, Value]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(f"{place}: the annotation {error.name!r} cannot be found from its module") from error


def _adapter(annotation: Value) -> Adapter:
    return _ANYTHING if annotation is Value else TypeAdapter(type(None) if annotation is None else annotation)
