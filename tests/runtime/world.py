"""Shared by the tests of the runtime: processes within one event loop, a provider, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeAlias, TypedDict

import asyncpg
from pydantic import SecretStr

import saga
from saga import Definition
from saga.app import App, open_adapter
from saga.history import verify
from saga.runtime.handlers.participant import Participant
from saga.runtime.supervisor import Supervisor
from saga.settings import Settings

WAIT_SECONDS = 15.0
Sql: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class By(TypedDict):
    """The actor of an operation, and the reason."""

    actor: str
    reason: str


class World:
    """Processes on one store. `join` connects one, `kill` ends one as kill -9 does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_forged = False  # set by a test that writes a row by hand: the history does not explain it
        self._is_joined = False
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def join(self, *participants: Participant, **settings: Any) -> App:
        """A process that serves these participants; durations are short unless `settings` says otherwise."""
        chosen = Settings(**{"store": self.url, "drain": 1, **settings})
        app = await self._stack.enter_async_context(saga.connect(settings=chosen))
        self._is_joined = True
        if participants:
            await self._stack.enter_async_context(app.serve(*participants))
        return app

    async def supervise(self, app: App) -> Supervisor:
        """Runs a supervisor on the connections of a process, until the end of the test or of the task."""
        supervisor = app.supervisor()
        task = asyncio.create_task(supervisor.run())
        self._stack.push_async_callback(ended, task)
        await until(lambda: supervisor.term is not None, "a supervisor leads")
        return supervisor

    async def verify(self) -> None:
        """Checks the recorded histories against the rules of the protocol."""
        if self.is_forged or not self._is_joined:
            return
        adapter = open_adapter(Settings(store=SecretStr(self.url)), "checker")
        await adapter.open()
        try:
            verdict = await verify(adapter.listing)
        finally:
            await adapter.close()
        assert verdict.is_kept, "\n".join(map(str, verdict.findings))

    async def kill(self, app: App) -> None:
        """Stops the loops of a process in the middle and breaks its connections; nothing is given back."""
        process = app.process
        for _, task in list(process.intake._running.values()):
            task.cancel()
        session = getattr(process.adapter.membership, "_connection", None)
        if session is None:
            getattr(process.adapter, "kill")()  # noqa: B009 (only the memory adapter has it)
        else:
            session.terminate()
        await process.background.cancel()
        # Outcomes that are not committed are lost with it: `stop` must not wait for them.
        process.outcomes.drained = _at_once  # type: ignore[method-assign]


class Provider:
    """An external API: one effect for each idempotency key, however often it is called."""

    def __init__(self) -> None:
        self.effects: dict[str, str] = {}
        self.calls: list[str] = []

    def call(self, key: str, effect: str) -> str:
        self.calls.append(key)
        return self.effects.setdefault(key, effect)

    def drop(self, effect: str) -> None:
        self.effects = {key: value for key, value in self.effects.items() if value != effect}


class Gate:
    """A place where handlers wait until the test opens it; `reached` counts them."""

    def __init__(self) -> None:
        self.reached = 0
        self._is_open = asyncio.Event()
        self._came = asyncio.Event()

    async def wait(self) -> None:
        self.reached += 1
        self._came.set()
        await self._is_open.wait()

    def open(self) -> None:
        self._is_open.set()

    async def somebody_waits(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await self._came.wait()


async def _at_once() -> None:
    """Does not wait."""


async def until(
    condition: Callable[[], Awaitable[object] | object], what: str, *, seconds: float = WAIT_SECONDS
) -> float:
    """Waits until a condition holds, with a deadline. Returns how many seconds that took."""
    began_at = time.monotonic()
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        waited = time.monotonic() - began_at
        if found:
            return waited
        assert waited < seconds, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def slow_saga(gate: Gate, deadline: str | None) -> tuple[Participant, Definition, list[str]]:
    """A step that is done at once, then one that waits for the gate, then a pivot. The first can be undone."""
    service, undone = Participant("service"), list[str]()

    @service.step(external=True)
    async def first() -> str:
        return "first"

    @first.compensation
    async def undo(value: Any, result: str) -> None:
        undone.append(result)

    @service.step(external=True, read_only=True)
    async def wait() -> None:
        await gate.wait()

    @service.step(external=True)
    async def last() -> str:
        return "through"

    definition = Definition("slow", deadline=deadline)
    waited = definition.step("service.wait", after=definition.step("service.first"), timeout="60s")
    definition.returns(definition.step("service.last", after=waited, pivot=True).output)
    return service, definition, undone
