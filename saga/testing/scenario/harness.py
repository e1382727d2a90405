"""The entrance: a definition and its services, ready for a test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from pydantic import SecretStr
from typing_extensions import TypeVar as TypeVarWithDefault

from saga.app import App
from saga.authoring import Definition
from saga.client import Ending, Sent
from saga.codec.codec import Value
from saga.core.duration import Duration, duration_ms
from saga.core.nearest import with_nearest
from saga.errors import UsageError
from saga.settings import Settings
from saga.testing.scenario.calls import Calls, Outcome, Part
from saga.testing.scenario.inner_loop import Nothing
from saga.testing.scenario.run import CannotEnd, Run
from saga.testing.scenario.services import Given
from saga.testing.scenario.world import STORE_URL, World

InputT = TypeVarWithDefault("InputT", default=Value)
Result = TypeVar("Result")


def harness(
    definition: Definition[InputT], *services: Given, lease: Duration = "30s", margin: Duration = "5s"
) -> Harness[InputT]:
    """Runs a definition for a test: `async with harness(order, inventory, "payments") as shop: await shop.run(Order(...))`.

    Give it each service that the definition calls: your `Participant`, whose handlers are really called; `scripted(...)`; or a
    name, which scripts all handlers of the service. Everything else is the production code, with a store in memory and a virtual
    clock, which skips over waiting. `lease` and `margin` are the settings of these names.
    """
    return Harness(definition, services, lease=lease, margin=margin)


class Harness(Generic[InputT]):
    """A world in which sagas of one definition run. Its time passes only while the test awaits one of its methods.

    Works in any event loop, and in none. An exception that leaves the block of `async with` gets the story of every saga as a note.
    """

    def __init__(
        self, definition: Definition[InputT], services: tuple[Given, ...], *, lease: Duration, margin: Duration
    ) -> None:
        self._definition = definition
        self._services = services
        self._settings = _settings(lease, margin)
        self._opened: World | None = None
        self._runs: list[Run] = []

    # -- its life -----------------------------------------------------------------------------------------------

    def open(self) -> Self:
        """Starts the processes, and registers the definition. `close` must follow.

        Raises:
            UsageError: a service is missing, or given twice, or an answer is of a handler that does not exist.
            DefinitionError: the definition is wrong, or does not fit the participants.
        """
        if self._opened is not None:
            raise UsageError("the harness is open already")
        world = self._opened = World(self._definition, self._services, self._settings)
        try:
            world.open()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Ends everything. Calling it twice is harmless."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    async def __aenter__(self) -> Self:
        return self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None and not isinstance(error, CannotEnd):
                error.add_note(self.story())
        finally:
            self.close()

    # -- running sagas ------------------------------------------------------------------------------------------

    async def run(
        self,
        input: InputT | Mapping[str, Value] | None = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> Ending:
        """Starts a saga, and lets time pass until it has ended. Returns its status, value and reason.

        Raises:
            CannotEnd: it waits for something that cannot happen in this test: a person, a process. The message says for what.
            InputRefused: the input does not fit the definition.
        """
        return await (await self.start(input, key=key, tags=tags)).end()

    async def start(
        self,
        input: InputT | Mapping[str, Value] | None = None,  # noqa: A002
        *,
        key: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> Run:
        """Starts a saga, and returns at once. Raises InputRefused."""
        world = self._world
        handle = world.perform(world.app.start(self._definition, cast("Any", input), key=key, tags=tags))
        known = next((run for run in self._runs if run.id == handle.id), None)
        if known is None:
            known = Run(world, handle.id)
            self._runs.append(known)
        return known

    async def send(self, name: str, payload: Value = None, *, id: str | None = None) -> Sent:  # noqa: A002
        """Sends an event to the saga that was started last: `await shop.send("review", {"approved": True})`. See `Run.send`."""
        if not self._runs:
            raise UsageError("no saga was started: await shop.start(...) first")
        return await self._runs[-1].send(name, payload, id=id)

    async def advance(self, duration: Duration) -> None:
        """Lets this much time pass: `await shop.advance("3d")`."""
        self._world.advance(duration_ms(duration) / 1_000)

    async def until(self, condition: Callable[[], object] | str) -> None:
        """Lets time pass until a condition holds, or until a handler has been called: `await shop.until("payments.charge")`.

        Raises:
            CannotEnd: nothing more will happen, and it does not hold.
        """
        is_enough, what = self._condition(condition)
        with self._explained(what):
            self._world.run_until(is_enough)

    async def perform(self, work: Coroutine[None, None, Result]) -> Result:
        """Runs a coroutine of `sagas` within the harness: `await shop.perform(shop.sagas.search("is:stuck"))`.

        Raises:
            CannotEnd: nothing more will happen, and it has not returned.
        """
        with self._explained("the coroutine has not returned"):
            return self._world.perform(work)

    @property
    def sagas(self) -> App:
        """The client of the store, for what the harness has no method for. Await its coroutines with `perform`."""
        return self._world.app

    def script(self, service: str, /, **answers: object) -> None:
        """Replaces answers from now on: `shop.script("payments", charge="ch_2")`. See `scripted`."""
        self._world.services.script(service, answers)

    # -- what has happened --------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The virtual time."""
        database = self._world.database
        return datetime.fromtimestamp(database.epoch + database.now(), UTC)

    @property
    def calls(self) -> Calls:
        """Every call of a handler, in order, compensations and failed attempts included."""
        return Calls(self._world.calls)

    def called(self, handler: str) -> Calls:
        """The calls of a handler, as "payments.charge", without those of its compensation. Raises UsageError: it does not exist."""
        self._check_handler(handler)
        return Calls(call for call in self._world.calls if call.handler == handler and call.part is Part.EXECUTE)

    def undone(self, handler: str | None = None) -> Calls:
        """The compensations that succeeded, of one handler or of all. Raises UsageError: it does not exist."""
        if handler is not None:
            self._check_handler(handler)
        return Calls(
            call
            for call in self._world.calls
            if call.part is Part.UNDO and call.outcome is Outcome.RETURNED and handler in (None, call.handler)
        )

    def rows(self, service: str) -> dict[str, Any]:
        """The rows of a participant with a database, by key, as `ctx.sql.get` and `put` see them: to fill before, and check after."""
        return self._world.rows(service)

    def story(self) -> str:
        """The events of every saga so far, in plain words."""
        return "\n\n".join(run.story() for run in self._runs) or "no saga was started"

    @property
    def _world(self) -> World:
        if self._opened is None:
            raise UsageError("the harness is not open: use it in `async with harness(...) as shop:`")
        return self._opened

    def _check_handler(self, name: str) -> None:
        known = self._world.services.handlers
        if name not in known:
            raise UsageError(with_nearest(f"the harness has no handler {name}", name, known))

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Raises CannotEnd when nothing more can happen. `what`: a clause that says what the test has waited for in vain."""
        try:
            yield
        except Nothing:
            raise CannotEnd(f"nothing more can happen in this test, and {what}\n\n{self.story()}") from None

    def _condition(self, condition: Callable[[], object] | str) -> tuple[Callable[[], bool], str]:
        if isinstance(condition, str):
            self._check_handler(condition)
            return lambda: bool(self.called(condition)), f"{condition} has not been called"
        return lambda: bool(condition()), "the condition does not hold"


def _settings(lease: Duration, margin: Duration) -> Settings:
    """Settings that do not depend on the environment of the test."""
    return Settings.model_construct(
        store=SecretStr(STORE_URL), lease=duration_ms(lease) / 1_000, margin=duration_ms(margin) / 1_000
    )
