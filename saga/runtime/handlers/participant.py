"""Participants as users write them: a service's step handlers, their types, and what is published about them."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable
from typing import Any, Final, Generic, overload

import pydantic
from pydantic import TypeAdapter
from typing_extensions import ParamSpec, TypeVar

from saga.core.definition.contract import Contract
from saga.core.definition.names import NAME_RULE, is_name
from saga.core.state.mode import Mode
from saga.errors import InputRefused, UsageError
from saga.runtime.handlers.context import Context

CONCURRENCY_DEFAULT: Final = 64
RESULT_BYTES_MAX: Final = 1024 * 1024
STORE: Final = "store"
Value = Any  # what a handler takes or returns: any type that pydantic knows
Handler = Callable[..., Value]
Adapter = TypeAdapter[Value]
Function = TypeVar("Function", bound=Handler)
Parameters = ParamSpec("Parameters", default=...)
Returned = TypeVar("Returned", default=Value)
_ANYTHING: Final[Adapter] = TypeAdapter(Value)


class Participant:
    """The part of a service that handles commands for its steps.

    `database` says how its steps make their effect: the saga store's own database = transactional, another one = journaled, None: every
    step says `external=True`. A value like "$SHOP_DB" is read from the environment when the participant is served.
    `concurrency`: how many handlers may run at once in one process.
    """

    def __init__(self, service: str, *, database: str | None = None, concurrency: int = CONCURRENCY_DEFAULT) -> None:
        _check_name(service, "service")
        if concurrency < 1:
            raise UsageError(f"participant {service}: concurrency must be at least 1, not {concurrency}")
        self.service = service
        self.database = database
        self.concurrency = concurrency
        self.handlers: dict[str, StepHandler] = {}

    @overload
    def step(self, function: Callable[Parameters, Returned], /) -> StepHandler[Parameters, Returned]: ...

    @overload
    def step(
        self, /, *, name: str | None = None, external: bool = False, read_only: bool = False, version: str | None = None
    ) -> StepDecorator: ...

    def step(
        self,
        function: Handler | None = None,
        /,
        *,
        name: str | None = None,
        external: bool = False,
        read_only: bool = False,
        version: str | None = None,
    ) -> StepHandler | StepDecorator:
        """Register a handler: `@payments.step` or `@payments.step(external=True)`. The handler is called with its input and, if it asks for
        one, a Context; what it returns is recorded as the step's result."""

        register = StepDecorator(self, name, external=external, read_only=read_only, version=version)
        return register if function is None else register(function)

    def add(self, handler: StepHandler) -> None:
        """Register a handler under its name.

        Raises:
            UsageError: the name is taken, or the participant has no database for the handler's effect.
        """
        if handler.name in self.handlers:
            raise UsageError(
                f"participant {self.service} has a handler {handler.name!r} already: give one of them another name="
            )
        if self.database is None and not handler.external:
            raise UsageError(
                f"step {self.service}.{handler.name}: the participant has no database, so its effect is outside: "
                "write @...step(external=True), or give Participant(database=...)"
            )
        self.handlers[handler.name] = handler

    def database_url(self) -> str | None:
        """The database's URL, read from the environment where it was given as $NAME."""
        if self.database is None or not self.database.startswith("$"):
            return self.database
        name = self.database[1:]
        if not (url := os.environ.get(name)):
            raise UsageError(
                f"participant {self.service}: the environment has no {name}, which database={self.database!r} asks for"
            )
        return url


class StepDecorator:
    """`@participant.step(...)`: registers a handler and keeps its signature."""

    def __init__(
        self, participant: Participant, name: str | None, *, external: bool, read_only: bool, version: str | None
    ) -> None:
        self._participant = participant
        self._name = name
        self._external = external
        self._read_only = read_only
        self._version = version

    def __call__(self, function: Callable[Parameters, Returned], /) -> StepHandler[Parameters, Returned]:
        handler = StepHandler(
            self._participant,
            function,
            self._name,
            external=self._external,
            read_only=self._read_only,
            version=self._version,
        )
        self._participant.add(handler)
        return handler


class StepHandler(Generic[Parameters, Returned]):
    """One step of a participant: the functions that execute, compensate and probe it.

    It can be called with the signature of the function that executes it.
    """

    def __init__(
        self,
        participant: Participant,
        function: Callable[Parameters, Returned],
        name: str | None,
        *,
        external: bool,
        read_only: bool,
        version: str | None,
    ) -> None:
        self._function = function
        self.participant = participant
        self.name = name or function.__name__
        _check_name(self.name, "step")
        self.external = external
        self.read_only = read_only
        self.version = version
        self.execute = Callee(function, self.full_name, values=1)
        self.undo: Callee | None = None
        self.ask: Callee | None = None
        self.output: Adapter = self.execute.returned
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        """Call the plain function: for tests and for use outside sagas."""
        return self._function(*arguments, **options)

    def compensation(self, function: Function) -> Function:
        """Register the semantic undo: called with the step's input, its recorded result and a Context, only for a step that happened."""
        if self.undo is not None:
            raise UsageError(f"step {self.full_name} has a compensation already")
        self.undo = Callee(function, f"{self.full_name} (compensation)", values=2)
        return function

    def probe(self, function: Function) -> Function:
        """Register a question for an unknown outcome: returns the step's result, or raises DidNotHappen."""
        if not self.external:
            raise UsageError(
                f"step {self.full_name}: only an external step needs a probe; its journal or transaction knows"
            )
        self.ask = Callee(function, f"{self.full_name} (probe)", values=1)
        return function

    @property
    def full_name(self) -> str:
        return f"{self.participant.service}.{self.name}"

    def contract(self, mode: Mode) -> Contract:
        return Contract(
            service=self.participant.service,
            handler=self.name,
            mode=mode,
            has_compensation=self.undo is not None,
            has_probe=self.ask is not None,
            read_only=self.read_only,
            input_schema=_schema(self.execute.accepted),
            output_schema=_schema(self.output),
            handler_version=self.version,
        )

    def encode(self, value: Value) -> bytes:
        """Check a result against its type and write it as JSON.

        Raises:
            InputRefused: it is not what the handler's annotation says.
        """
        try:
            value = self.output.validator.validate_python(value)
            data = self.output.serializer.to_json(value, by_alias=True, warnings="error")
        except (pydantic.ValidationError, pydantic.errors.PydanticUserError, ValueError) as error:
            raise InputRefused(
                f"step {self.full_name} returned what its annotation does not allow: {_one_line(error)}"
            ) from error
        if len(data) > RESULT_BYTES_MAX:
            raise InputRefused(
                f"step {self.full_name} returned {len(data):,} bytes, more than {RESULT_BYTES_MAX:,}: "
                "store them elsewhere and return the address"
            )
        return data

    def decode(self, data: bytes | None) -> Value:
        """Read a recorded result.

        Raises:
            InputRefused: it has another shape: the handler's annotation has changed since.
        """
        try:
            return None if data is None else self.output.validate_json(data)
        except pydantic.ValidationError as error:
            raise InputRefused(
                f"step {self.full_name}: the recorded result does not fit: {_one_line(error)}"
            ) from error


class Callee:
    """A handler function with its parameters understood: which is the context, of which type the values are."""

    def __init__(self, function: Handler, place: str, *, values: int) -> None:
        self.function = function
        self.place = place
        self.is_async = inspect.iscoroutinefunction(function)
        hints = _hints(function, place)
        parameters = list(inspect.signature(function).parameters.values())
        self.context_name = next((p.name for p in parameters if hints.get(p.name) is Context or p.name == "ctx"), None)
        named = [p for p in parameters if p.name != self.context_name]
        if len(named) > values or any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in named):
            raise UsageError(
                f"{place}: a handler takes at most {values} value(s) and a ctx: Context, not {inspect.signature(function)}"
            )
        self.value_count = len(named)
        self.accepted: Adapter = _adapter(hints.get(named[0].name, Value)) if named else _ANYTHING
        self.returned: Adapter = _adapter(hints.get("return", Value))

    def read(self, data: bytes) -> Value:
        """Turn stored JSON into the handler's input.

        Raises:
            InputRefused: it has another shape.
        """
        try:
            return self.accepted.validator.validate_json(data)
        except pydantic.ValidationError as error:
            raise InputRefused(f"{self.place}: the input does not fit: {_one_line(error)}") from error

    def call(self, values: tuple[Value, ...], context: Context) -> Value:
        """Call the function with as many of the values as it takes, and the context if it takes one."""
        positional = values[: self.value_count]
        if self.context_name is None:
            return self.function(*positional)
        return self.function(*positional, **{self.context_name: context})


def _check_name(name: str, kind: str) -> None:
    if not is_name(name):
        raise UsageError(f"{name!r} cannot name a {kind}: use {NAME_RULE}")


def _hints(function: Handler, place: str) -> dict[str, Value]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(f"{place}: the annotation {error.name!r} cannot be found from its module") from error


def _adapter(annotation: Value) -> Adapter:
    return _ANYTHING if annotation is Value else TypeAdapter(type(None) if annotation is None else annotation)


def _schema(adapter: Adapter) -> Value:
    try:
        schema = adapter.json_schema()
    except pydantic.errors.PydanticInvalidForJsonSchema:
        return None
    return schema or None


def _one_line(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'value'}: {detail['msg']}" for detail in error.errors()
        )
    return str(error)
