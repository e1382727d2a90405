"""Participants as users write them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final, overload

from saga.core.text import shown_value
from saga.errors import UsageError
from saga.runtime.handlers.handler_shape import Handler
from saga.runtime.handlers.step_handler import Parameters, Returned, StepHandler, check_name

CONCURRENCY_DEFAULT: Final = 64
CONCURRENCY_MAX: Final = 100_000
STORE: Final = "store"
_VARIABLE: Final = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


class Participant:
    """The part of a service that handles commands for its steps.

    `database` decides the mode of its steps: the saga store's own database makes them transactional, another one journaled; with None
    every step must be declared `external=True`. A value like "$SHOP_DB" is read from the environment when the participant is served.
    `concurrency`: maximum number of handlers that run at once in one process.

    Raises:
        UsageError: the name, `database` or `concurrency` cannot be used.
    """

    def __init__(self, service: str, *, database: str | None = None, concurrency: int = CONCURRENCY_DEFAULT) -> None:
        check_name(service, "service")
        if type(concurrency) is not int or not 1 <= concurrency <= CONCURRENCY_MAX:
            raise UsageError(
                f"participant {service}: concurrency must be a whole number from 1 to {CONCURRENCY_MAX}, "
                f"not {shown_value(concurrency)}"
            )
        if database is not None:
            _check_database(service, database)
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
        """Registers a handler: `@payments.step` or `@payments.step(external=True)`.

        The handler is called with its input and, if it has a parameter for it, a Context. What it returns is the step's result.
        """

        register = StepDecorator(self, name, external=external, read_only=read_only, version=version)
        return register if function is None else register(function)

    def add(self, handler: StepHandler) -> None:
        """Registers a handler under its name.

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

    def database_name(self) -> str:
        """The database for messages: the variable that holds its URL, or only the scheme of the URL."""
        text = self.database or ""
        return text if text.startswith("$") else f"{text.partition('://')[0]}://..."

    def database_url(self) -> str | None:
        """The database's URL; a name like $SHOP_DB is read from the environment."""
        if self.database is None or not self.database.startswith("$"):
            return self.database
        name = self.database[1:]
        if not (url := os.environ.get(name, "").strip()):
            raise UsageError(
                f"participant {self.service}: the environment has no {name}, which database={self.database!r} asks for"
            )
        return url


def _check_database(service: str, database: object) -> None:
    """Raises UsageError for what cannot be a database. The message does not show it: it may be a piece of a URL with a password."""
    if isinstance(database, str) and (database == STORE or "://" in database or _VARIABLE.fullmatch(database)):
        return
    given = "this text" if isinstance(database, str) else f"a {type(database).__qualname__}"
    raise UsageError(
        f"participant {service}: database= cannot be {given}. Write a URL (postgresql://...), the name of a variable that has one "
        f'("$SHOP_DB"), or "{STORE}" for the store\'s own'
    )


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
        """Registers the handler."""
        handler = StepHandler(
            self._participant.service,
            function,
            self._name,
            external=self._external,
            read_only=self._read_only,
            version=self._version,
        )
        self._participant.add(handler)
        return handler
