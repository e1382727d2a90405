"""The side of a customer that sends events and completions to sagas, and records the answers."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from saga import App, Conflict, Unavailable
from saga.client.ending import Sent
from saga.errors import SagaError
from tests.chaos.waits.letters import PENDING_SECONDS, WRONG, Fate, Letter, Manner, fate_of, letters_of
from tests.chaos.waits.visas import Request, read

SUFFIX: Final = ".letters"
AGAIN_SECONDS, LOOK_SECONDS, ANSWER_SECONDS_MAX = 0.05, 0.05, 0.4
TRANSACTION_SECONDS: Final = 20.0
ENDED: Final = "has ended"
POSTED: Final = "insert into public.posted values ($1, $2) on conflict do nothing"
LOST: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
Ask = Callable[[], Awaitable[Sent]]


class _AbortedError(Exception):
    """Rolls a transaction back."""


class _RefusedError(SagaError):
    """The event was refused although its saga has not ended."""


@dataclass(frozen=True, slots=True)
class Post:
    """The records of all customers: the events that were acknowledged, with the time of the answer, and the answers that were wrong."""

    acknowledged: dict[tuple[str, str], float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def read_post(folder: Path) -> Post:
    """Reads the records of all customers of a run."""
    post = Post()
    for file in folder.glob(f"*{SUFFIX}"):
        whole, _, _ = file.read_text().rpartition("\n")
        for line in whole.splitlines():
            word, _, rest = line.partition(" ")
            if word == "sent":
                saga, event, at = rest.split()
                post.acknowledged[saga, event] = min(float(at), post.acknowledged.get((saga, event), float(at)))
            elif word == "wrong":
                post.wrong.append(rest)
    return post


class Correspondent:
    """Sends again whatever was not answered. `write` records a line, `is_mine` tells whether the saga of a number is this customer's."""

    def __init__(self, app: App, store: str, write: Callable[[str], None], is_mine: Callable[[int], bool]) -> None:
        self._app = app
        self._store = store
        self._write = write
        self._is_mine = is_mine
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent: set[tuple[int, str]] = set()  # the steps of which the first token was not used

    async def post(self, number: int, saga: UUID) -> None:
        """Sends everything to a saga that has just been started."""
        await asyncio.gather(*(self._post(saga, letter) for letter in letters_of(number)))

    async def answer_requests(self, file: Path) -> None:
        """Completes what is asked for from now on, until cancelled. A token that is not used expires, and is followed by another one."""
        file.touch()  # noqa: ASYNC240 (a local file)
        with file.open("rb") as lines:
            lines.seek(0, os.SEEK_END)
            rest = b""
            while True:
                whole, newline, rest = (rest + lines.read()).rpartition(b"\n")
                for request in read(whole + newline):
                    if self._is_mine(request.number):
                        task = asyncio.create_task(self._answer(request))
                        self._tasks.add(task)
                        task.add_done_callback(self._tasks.discard)
                await asyncio.sleep(LOOK_SECONDS)

    # -- events ---------------------------------------------------------------------------------------------------------

    async def _post(self, saga: UUID, letter: Letter) -> None:
        await asyncio.sleep(letter.after_seconds)
        with self._recorded(saga):
            match letter.manner:
                case Manner.ABORTED:
                    await self._within(saga, letter, is_aborted=True)
                case Manner.WITHIN:
                    await self._within(saga, letter, is_aborted=False)
                case _:
                    await self._send(saga, letter)

    async def _send(self, saga: UUID, letter: Letter) -> None:
        async def send() -> Sent:
            try:
                return await self._app.send(saga, letter.name, letter.payload, id=letter.event)
            except Conflict as error:
                raise error if ENDED in str(error) else _RefusedError(str(error)) from None

        found = await asyncio.gather(*(self._asked(saga, send) for _ in range(letter.copies)))
        if sum(sent is not None and sent.is_new for sent in found) > 1:
            self._write(f"wrong {saga}: {letter.event} was new twice")
        if letter.manner is Manner.CONTRADICTED and found[0] is not None:

            async def contradict() -> Sent:
                return await self._app.send(saga, letter.name, WRONG, id=letter.event)

            await self._must_be_refused(saga, f"another payload of {letter.event}", contradict)

    async def _within(self, saga: UUID, letter: Letter, *, is_aborted: bool) -> None:
        """Sends in a transaction of the customer's, which is rolled back or committed."""
        while True:
            try:
                async with asyncio.timeout(TRANSACTION_SECONDS):
                    await self._transaction(saga, letter, is_aborted=is_aborted)
            except (*LOST, Unavailable):
                await asyncio.sleep(AGAIN_SECONDS)
            except _AbortedError:
                return
            except Conflict as error:
                if ENDED not in str(error):
                    raise
                return
            else:
                self._note(saga, letter.event)
                return

    async def _transaction(self, saga: UUID, letter: Letter, *, is_aborted: bool) -> None:
        connection = await asyncpg.connect(self._store)
        try:
            async with connection.transaction():
                await connection.execute(POSTED, saga, letter.event)
                await self._app.send(saga, letter.name, letter.payload, id=letter.event, tx=connection)
                if is_aborted:
                    raise _AbortedError
        finally:
            connection.terminate()

    # -- completions ----------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> None:
        fate, place = fate_of(request.number), (request.number, request.step)
        if fate is Fate.SILENT and place not in self._silent:
            self._silent.add(place)
            return
        await asyncio.sleep(PENDING_SECONDS + 0.2 if fate is Fate.LATE else random.uniform(0.0, ANSWER_SECONDS_MAX))
        saga = UUID(request.saga)
        with self._recorded(saga):
            match fate, request.step:
                case Fate.REFUSED, "apply":
                    await self._asked(saga, lambda: self._app.reject(request.token, "refused"))
                case Fate.UNREADABLE, "scan":
                    await self._asked(saga, lambda: self._app.fail(request.token, "unreadable"))
                case Fate.REPEATED, _:
                    await self._complete_twice(saga, request)
                case _:
                    await self._asked(saga, lambda: self._app.complete(request.token, request.number))

    async def _complete_twice(self, saga: UUID, request: Request) -> None:
        """The same outcome may be repeated, another one is refused, and so is all that comes after an older token was used."""
        complete = self._app.complete
        if await self._asked(saga, lambda: complete(request.token, request.number)) is None:
            return
        again = await self._asked(saga, lambda: complete(request.token, request.number))
        if again is None or again.is_new:
            self._write(f"wrong {saga}: {request.step} was completed again, and the answer was {again}")
        await self._must_be_refused(saga, f"another result of {request.step}", lambda: complete(request.token, WRONG))
        await self._must_be_refused(
            saga, f"a rejection of {request.step}", lambda: self._app.reject(request.token, "no")
        )

    # -- answers --------------------------------------------------------------------------------------------------------

    async def _asked(self, saga: UUID, ask: Ask) -> Sent | None:
        """Returns the first answer; None: it was refused, because it came too late."""
        while True:
            try:
                sent = await ask()
            except Unavailable:
                await asyncio.sleep(AGAIN_SECONDS)
            except Conflict:
                return None
            else:
                self._note(saga, sent.id)
                return sent

    async def _must_be_refused(self, saga: UUID, what: str, ask: Ask) -> None:
        if await self._asked(saga, ask) is not None:
            self._write(f"wrong {saga}: {what} was accepted")

    def _note(self, saga: UUID, event: str) -> None:
        self._write(f"sent {saga} {event} {time.time():.6f}")

    @contextmanager
    def _recorded(self, saga: UUID) -> Iterator[None]:
        """Nothing else may be refused: the audit asks for the reason."""
        try:
            yield
        except SagaError as error:
            self._write(f"wrong {saga}: {type(error).__name__}: {' '.join(str(error).split())}")
