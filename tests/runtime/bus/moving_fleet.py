"""An installation under load whose processes are replaced one by one, each by one with other settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any, Final, Self
from uuid import UUID

from saga import App, Definition, Participant, Reject
from saga.app import connect
from saga.settings import Settings
from tests.runtime.world import Provider, until

REDRIVE_SECONDS: Final = 60  # longer than a test: what a bus loses here is missed
RESULT_SECONDS: Final = 40.0
AT_ONCE: Final = 12
SAGAS_A_PHASE: Final = 40


class MovingFleet:
    """Two workers for each of two services, and a client that starts sagas all the time."""

    def __init__(self, store_url: str) -> None:
        self.provider = Provider()
        self.definition = Definition("moving", input=str)
        self.definition.returns(self.definition.step("second.end", after=self.definition.step("first.act")).output)
        self.started: dict[UUID, str] = {}
        self._store_url = store_url
        self._workers: dict[str, contextlib.AsyncExitStack] = {}
        self._clients: list[contextlib.AsyncExitStack] = []
        self._apps: list[App] = []
        self._client: App | None = None
        self._load: asyncio.Task[None] | None = None
        self._is_ending = False
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._load is not None:
            self._load.cancel()
            await asyncio.gather(self._load, return_exceptions=True)
        for stack in (*self._workers.values(), *self._clients):
            await stack.aclose()

    async def replace_all(self, **settings: Any) -> None:
        """Replaces every process in turn: the new one works before the old one stops."""
        for name in ("first a", "second a", "first b", "second b", "client"):
            await self._replace(name, settings)

    async def _replace(self, name: str, settings: dict[str, Any]) -> None:
        stack = contextlib.AsyncExitStack()
        chosen = Settings(**{"store": self._store_url, "drain": 5, "redrive": REDRIVE_SECONDS, **settings})
        app = await stack.enter_async_context(connect(settings=chosen))
        self._apps.append(app)
        if name == "client":  # the old one waits for the sagas that it has started
            self._clients.append(stack)
            if self._client is None:
                await app.register(self.definition)
            self._client = app
        else:
            await stack.enter_async_context(app.serve(self._participant(name.split(maxsplit=1)[0])))
            old = self._workers.pop(name, None)
            self._workers[name] = stack
            if old is not None:
                await old.aclose()

    def _participant(self, service: str) -> Participant:
        participant, provider = Participant(service), self.provider
        if service == "first":

            @participant.step(external=True)
            async def act(word: str) -> str:
                return provider.call(f"act {word}", word)

            @act.compensation
            async def undo(word: str, acted: str) -> None:
                provider.drop(acted)

        else:

            @participant.step(external=True)
            async def end(word: str) -> str:
                if word.startswith("bad"):
                    raise Reject("bad")
                return word

        return participant

    def refused(self) -> Counter[str]:
        """The messages that the processes of all phases have refused, by reason."""
        return sum((app.process.refusals.counts for app in self._apps), Counter())

    def effects(self) -> list[str]:
        """The effects at the provider."""
        return sorted(self.provider.effects.values())

    def begin(self) -> None:
        self._load = asyncio.create_task(self._start_sagas())

    async def move(self, old: str, new: str) -> None:
        """Moves from one bus to another under load, as the how-to describes. No saga is lost, and every effect exists once."""
        await self.replace_all(bus=old)
        self.begin()
        for settings in ({"bus": old, "also_consume": [new]}, {"bus": new, "also_consume": [old]}, {"bus": new}):
            await self.more(SAGAS_A_PHASE)
            await self.replace_all(**settings)
        await self.more(SAGAS_A_PHASE)

        assert await self.finish() == []
        assert len(self.started) >= 4 * SAGAS_A_PHASE
        assert self.effects() == sorted(word for word in self.started.values() if word.startswith("good"))

    async def more(self, count: int) -> None:
        """Waits until that many more sagas have been started."""
        load, wanted = self._load, len(self.started) + count
        assert load is not None
        await until(
            lambda: len(self.started) >= wanted or load.done(),
            f"{wanted} sagas have been started",
            seconds=RESULT_SECONDS,
        )

    async def finish(self) -> list[str]:
        """Starts no more sagas, and waits for all. Returns the ends that differ from what the input asks for."""
        assert self._load is not None
        assert self._client is not None
        self._is_ending = True
        await self._load
        sagas = list(self.started.items())
        endings = await asyncio.gather(*(self._client.handle(saga).result(RESULT_SECONDS) for saga, _ in sagas))
        ended = zip(sagas, endings, strict=True)
        return [f"{word}: {end.status}" for (_, word), end in ended if end.is_completed != word.startswith("good")]

    async def _start_sagas(self) -> None:
        number = 0
        async with asyncio.TaskGroup() as group:
            while not self._is_ending:
                await self._slots.acquire()
                number += 1
                group.create_task(self._start(f"{'bad' if number % 5 == 0 else 'good'} {number}"))

    async def _start(self, word: str) -> None:
        try:
            assert self._client is not None
            client = self._client
            handle = await client.start(self.definition, word, key=word)
            self.started[handle.id] = word
            with contextlib.suppress(TimeoutError):
                await handle.result(1.0)  # a pace: that many at once
        finally:
            self._slots.release()
