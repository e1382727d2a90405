"""Answers many callers by one call of the store. No timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from saga.errors import Closed, InputRefused, Locked, ServerFailed
from saga.runtime.commit.outcome_queue import count_that_fits
from saga.runtime.timing.wakeup import Wakeup

BATCH_MAX: Final = 256
CLOSED: Final = "this connection is closed: open another one"

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")


class Gathering(Generic[AskedT, AnswerT]):
    """Asks for all that is wanted at a moment by one call. While it is under way, what is wanted next gathers for the next one.

    `call` answers in the order of what it is asked. If it fails as it does because of one of several, each of these is asked for apart.
    `bytes_of`: of these, a call is asked for at most `BATCH_BYTES_MAX` together.
    """

    def __init__(
        self,
        call: Callable[[Sequence[AskedT]], Awaitable[Sequence[AnswerT]]],
        *,
        at_once: int = 1,
        bytes_of: Callable[[AskedT], int] = lambda _: 0,
    ) -> None:
        self._call = call
        self._at_once = at_once
        self._bytes_of = bytes_of
        self._waiting: list[tuple[AskedT, asyncio.Future[AnswerT]]] = []
        self._wanted = Wakeup()
        self._is_closed = False

    async def ask(self, asked: AskedT) -> AnswerT:
        """Returns the answer. A caller that is cancelled has perhaps been answered.

        Raises:
            Closed: the process has stopped, or stops meanwhile.
        """
        if self._is_closed:
            raise Closed(CLOSED)
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._wanted.ring()
        return await answer

    async def run(self) -> None:
        """Answers until cancelled."""
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._at_once):
                    workers.create_task(self._work())
        except asyncio.CancelledError:
            self._is_closed = True
            _refuse(self._waiting, Closed(CLOSED))
            raise

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            count = count_that_fits([self._bytes_of(asked) for asked, _ in self._waiting[:BATCH_MAX]])
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            if self._waiting:
                self._wanted.ring()
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: Sequence[tuple[AskedT, asyncio.Future[AnswerT]]]) -> None:
        try:
            answers = await self._call([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001 (raised to each that asked)
            if len(batch) > 1 and isinstance(error, InputRefused | ServerFailed | Locked):
                for each in batch:
                    await self._answer([each])
            else:
                _refuse(batch, error)
        except BaseException:
            _refuse(batch, Closed(CLOSED))
            raise
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _refuse(batch: Sequence[tuple[AskedT, asyncio.Future[AnswerT]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
