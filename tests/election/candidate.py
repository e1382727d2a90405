"""A candidate in its own process: the production supervisor over a memory store, which notes its beliefs and actions in a file.

`python -m tests.election.candidate URL NAMESPACE NAME BOOK`. The book has one JSON object a line; `at` and `until` are on the machine's
monotonic clock, which all processes share. SIGTERM makes it resign and end; SIGUSR2 steps its wall clock by an hour.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from saga import registry
from saga.errors import LeadershipLost
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.memory.store import MemoryStore
from saga.ports.adapter import StoreOptions
from saga.ports.clock import SystemClock
from saga.ports.election import Election, Leadership
from saga.ports.values.overdue import BEGINNING, OverdueSaga, Place
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor, SupervisorOptions

SCAN_SECONDS = 0.02
CLOCK_STEP_SECONDS = 3_600.0


class Book:
    """A file of notes, unbuffered: the process may be killed at any moment."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, what: str, **facts: object) -> None:
        os.write(self._file, json.dumps({"at": time.monotonic(), "what": what, **facts}).encode() + b"\n")


class NotedElection:
    """See `saga.ports.election.Election`."""

    def __init__(self, inner: Election, book: Book) -> None:
        self._inner = inner
        self._book = book
        self.close = inner.close

    async def campaign(self, candidate: str) -> Leadership:
        self._book.note("campaigns")
        leadership = await self._inner.campaign(candidate)
        self._book.note("leads", term=leadership.term, until=leadership.trusted_until)
        return leadership

    async def renew(self, leadership: Leadership) -> Leadership:
        try:
            renewed = await self._inner.renew(leadership)
        except LeadershipLost:
            self._book.note("over", term=leadership.term)
            raise
        self._book.note("leads", term=renewed.term, until=renewed.trusted_until)
        return renewed

    async def resign(self, leadership: Leadership) -> None:
        """Notes the end first: the supervisor has already stopped everything that it did in this term."""
        self._book.note("over", term=leadership.term)
        await self._inner.resign(leadership)


class NotedStore(MemoryStore):
    """Notes the first action of a leader: only a leader queries overdue sagas of all services."""

    book: Book

    async def overdue(self, limit: int, services: Sequence[str] | None, after: Place = BEGINNING) -> list[OverdueSaga]:
        if services is None:
            self.book.note("acts")
        return await super().overdue(limit, services, after)


async def main(url: str, namespace: str, name: str, path: str) -> None:
    book, clock = Book(Path(path)), SystemClock()
    adapter = MemoryAdapter(Database(clock, epoch=0.0), StoreOptions())
    store = NotedStore(adapter.database, adapter.options)
    store.book, adapter.store = book, store
    process = Process(adapter, clock, name=name)
    await process.start()
    election = NotedElection(registry.open_election(url, namespace), book)
    options = SupervisorOptions(scan_seconds=SCAN_SECONDS)
    supervision = asyncio.create_task(Supervisor(process, election, clock, options).run())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, supervision.cancel)
    loop.add_signal_handler(signal.SIGUSR2, step_wall_clock)
    await asyncio.wait([supervision])
    await process.stop()
    if not supervision.cancelled():
        supervision.result()


def step_wall_clock() -> None:
    """Steps the wall clock forwards, or back again, as an operator or a time server may do."""
    real, sign = time.time, -1 if getattr(time.time, "is_ahead", False) else 1

    def stepped() -> float:
        return real() + sign * CLOCK_STEP_SECONDS

    stepped.is_ahead = sign > 0  # type: ignore[attr-defined]
    time.time = stepped


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
