"""One step of a participant: the functions that execute, compensate and probe it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, Generic

import pydantic
from typing_extensions import ParamSpec, TypeVar

from saga.codec.codec import JSON, Codec, Misfit, Unreadable, Value
from saga.codec.json_schema import accepted_schema, written_schema
from saga.core.definition.contract import Contract
from saga.core.definition.names import NAME_RULE, is_name
from saga.core.state.mode import Mode
from saga.core.text import DOES_NOT_FIT
from saga.errors import InputRefused, UsageError
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.runtime.handlers.handler_shape import Handler

RESULT_BYTES_MAX: Final = 1024 * 1024
"""Maximum size of a result as JSON. A handler that returns more has failed for good: its transaction is rolled back, or, if it is external,
whether it took effect counts as unknown."""
Function = TypeVar("Function", bound=Handler)
Parameters = ParamSpec("Parameters", default=...)
Returned = TypeVar("Returned", default=Value)


class StepHandler(Generic[Parameters, Returned]):
    """One step of a participant: the functions that execute, compensate and probe it.

    It can be called with the signature of the function that executes it.
    """

    def __init__(
        self,
        service: str,
        function: Callable[Parameters, Returned],
        name: str | None,
        *,
        external: bool,
        read_only: bool,
        version: str | None,
    ) -> None:
        self._function = function
        self.service = service
        self.name: str = name or _name_of(function, service)
        check_name(self.name, "step")
        self.external = external
        self.read_only = read_only
        self.version = version
        self.execute_function: HandlerFunction = self._function_of(function, self.full_name, values=1)
        self.compensate_function: HandlerFunction | None = None
        self.probe_function: HandlerFunction | None = None
        self.output: Codec = self.execute_function.returned
        with contextlib.suppress(pydantic.errors.PydanticUserError):
            self._check_output()  # not for a type with a name that is defined later: `contract` checks again
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        """Calls the plain function: for tests and for use outside sagas."""
        return self._function(*arguments, **options)

    def compensation(self, function: Function) -> Function:
        """Registers the semantic undo of a step that happened: called with its input, its recorded result and a Context."""
        if self.compensate_function is not None:
            raise UsageError(f"step {self.full_name} has a compensation already")
        self.compensate_function = self._function_of(function, f"{self.full_name} (compensation)", values=2)
        return function

    def probe(self, function: Function) -> Function:
        """Registers a function that resolves an unknown outcome: it returns the step's result, or raises DidNotHappen."""
        if not self.external:
            raise UsageError(
                f"step {self.full_name}: only an external step needs a probe; its journal or transaction knows"
            )
        self.probe_function = self._function_of(function, f"{self.full_name} (probe)", values=1)
        return function

    def _function_of(self, function: Handler, place: str, *, values: int) -> HandlerFunction:
        return HandlerFunction(function, place, values=values, has_transaction=not self.external)

    @property
    def full_name(self) -> str:
        """The name of its contract: "service.handler"."""
        return f"{self.service}.{self.name}"

    def contract(self, mode: Mode) -> Contract:
        """The contract to publish for this handler. The schema of the output is that of what is written.

        Raises:
            UsageError: values of the type that the handler returns could not be read back.
        """
        self._check_output()
        return Contract(
            service=self.service,
            handler=self.name,
            mode=mode,
            has_compensation=self.compensate_function is not None,
            has_probe=self.probe_function is not None,
            read_only=self.read_only,
            input_schema=accepted_schema(self.execute_function.accepted.adapter),
            output_schema=written_schema(self.output.adapter),
            handler_version=self.version,
        )

    def encode(self, value: Value) -> bytes:
        """Checks a result against its type and encodes it as JSON.

        Raises:
            InputRefused: it does not fit the handler's annotation, could not be read back equal, or is too large.
        """
        try:
            data = self.output.encode(value)
        except Misfit as error:
            raise InputRefused(
                f"step {self.full_name} returned what its annotation does not allow: {error} (it returned {_returned(value)})"
            ) from error
        except Unreadable as error:
            remedy = "; annotate what the handler returns" if self.output is JSON else ""
            raise InputRefused(f"step {self.full_name} returned what cannot be read back: {error}{remedy}") from error
        if len(data) > RESULT_BYTES_MAX:
            raise InputRefused(
                f"step {self.full_name} returned {len(data):,} bytes, more than {RESULT_BYTES_MAX:,}: "
                "keep them in object storage or in a table of your own, and return a reference"
            )
        return data

    def decode(self, data: bytes | None) -> Value:
        """Reads a recorded result.

        Raises:
            InputRefused: it does not fit: the handler's annotation has changed since.
        """
        try:
            return None if data is None else self.output.decode(data)
        except Misfit as error:
            raise InputRefused(f"step {self.full_name}: the recorded result {DOES_NOT_FIT}{error}") from error

    def _check_output(self) -> None:
        if faults := self.output.faults:
            raise UsageError(f"step {self.full_name} returns what could not be read back: {'; '.join(faults)}")


def check_name(name: str, kind: str) -> None:
    """Refuses a name that a service or a step cannot have."""
    if not is_name(name):
        raise UsageError(f"{name!r} cannot name a {kind}: use {NAME_RULE}")


def _name_of(function: Handler, service: str) -> str:
    if not callable(function):
        raise UsageError(
            f"participant {service}: {function!r} is not a function: write @{service}.step, or .step(name=...)"
        )
    name: str | None = getattr(function, "__name__", None)
    if name is None:
        raise UsageError(f"participant {service}: {function!r} has no name: give the step one with name=")
    return name


def _returned(value: Value) -> str:
    """The kind of a value that a handler has returned, and the usual mistake behind it."""
    if value is None:
        return "None: does every branch end with return?"
    if isinstance(value, Awaitable):
        return f"a {type(value).__name__}: await it in the handler"
    if isinstance(value, Iterator | AsyncIterator):
        return f"a {type(value).__name__}: return its entries, as in list(...)"
    return f"a value of type {type(value).__name__}"
