"""One process of a harness: production code over the memory store, which can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from saga.app import App
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.memory.election import MemoryElection
from saga.memory.journal import MemoryJournal, ServiceDatabase
from saga.ports.adapter import StoreOptions
from saga.ports.clock import Clock
from saga.runtime.handlers.participant import Participant
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor, SupervisorOptions
from saga.settings import Settings
from saga.testing.clocks.virtual_loop import Host
from saga.testing.faults.journal import FaultyJournal
from saga.testing.faults.store import Fault, FaultyAdapter, Session
from saga.testing.scenario.inner_loop import InnerLoop, is_background

TEN_YEARS_SECONDS: Final = 10 * 365 * 86_400.0
"""Longer than any test: nothing is purged, no election is lost, and no saga is redriven but at a moment of its own."""


class LoopClock:
    """See `saga.ports.clock.Clock`: the virtual time."""

    def __init__(self, loop: InnerLoop) -> None:
        self.monotonic: Callable[[], float] = loop.time

    def processor_seconds(self) -> float:
        """Processor time costs nothing here."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Waits in virtual time."""
        await asyncio.sleep(seconds)


class NoFaults:
    """See `saga.testing.faults.store.Faults`."""

    def at(self, _: str) -> Fault | None:
        """No fault, ever."""
        return None


class HarnessApp(App):
    """A process with journals that end with it, and with ids that are the same in every run."""

    def __init__(
        self, process: Process, settings: Settings, journals: dict[str, FaultyJournal], new_id: Callable[[], UUID]
    ) -> None:
        super().__init__(process, settings)
        self._journals.update(journals)
        self._new_id = new_id

    def new_id(self) -> UUID:
        """An id that does not carry the time, unlike others: its saga is redriven only at a moment of its own."""
        return self._new_id()


class SimulatedProcess:
    """A process from its boot to its death."""

    def __init__(self, name: str, loop: InnerLoop, database: Database, clock: Clock, settings: Settings) -> None:
        self.host: Host = Host(name)
        self.app: HarnessApp | None = None
        self._loop = loop
        self._clock = clock
        self._database = database
        self._settings = settings
        self._journals: dict[str, FaultyJournal] = {}
        self._session = Session(loop, NoFaults(), clock, database.now)
        options = StoreOptions(
            lease_seconds=settings.lease, margin_seconds=settings.margin, redrive_seconds=TEN_YEARS_SECONDS
        )
        self._adapter = FaultyAdapter(MemoryAdapter(database, options, name="store"), self._session)

    def boot(
        self,
        participants: Sequence[Participant],
        databases: dict[str, ServiceDatabase],
        new_id: Callable[[], UUID],
        *,
        leads: bool,
    ) -> asyncio.Future[None]:
        """Starts it. The future is done when it serves its participants, or has its error."""
        self._journals = {
            url: FaultyJournal(MemoryJournal(database), self._session) for url, database in databases.items()
        }
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.run_as(self.host, self._live(participants, new_id, ready, leads=leads))
        return ready

    async def _live(
        self,
        participants: Sequence[Participant],
        new_id: Callable[[], UUID],
        ready: asyncio.Future[None],
        *,
        leads: bool,
    ) -> None:
        try:
            is_background.set(True)
            process = Process(self._adapter, self._clock, name=self.host.name)
            await process.start()
            if leads:
                _ = process.background.start(self._supervisor(process).run)
            is_background.set(False)
            self.app = HarnessApp(process, self._settings, self._journals, new_id)
            async with self.app.serve(*participants):
                ready.set_result(None)
                await self._loop.create_future()
        except Exception as error:  # noqa: BLE001 (the caller of `boot` gets it)
            if not ready.done():
                ready.set_exception(error)

    def _supervisor(self, process: Process) -> Supervisor:
        options = SupervisorOptions(
            outage_grace_seconds=TEN_YEARS_SECONDS,
            retention_seconds=TEN_YEARS_SECONDS,
            history_days=TEN_YEARS_SECONDS / 86_400,
            maintenance_seconds=TEN_YEARS_SECONDS,
        )
        return Supervisor(process, MemoryElection(self._database, TEN_YEARS_SECONDS), self._clock, options)

    def kill(self) -> None:
        """Ends it as kill -9 does; its transactions are rolled back."""
        self._loop.kill(self.host)
        self._adapter.kill()
        for journal in self._journals.values():
            journal.abort()
