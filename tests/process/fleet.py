"""Operating-system processes of a test, and their databases."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from tests.process.shop import GATE
from tests.runtime.world import Sql, until

ROOT = Path(__file__).parents[2]
START_SECONDS, END_SECONDS = 60.0, 15.0
EFFECTS = """
create table reserved (saga uuid, amount integer);
create table charged (key text primary key, saga uuid, amount integer);
"""


class Fleet:
    """Starts `saga` commands. Processes that still run at the end are killed, by their own pids."""

    def __init__(self, folder: Path, store: str, effects: str, **settings: str) -> None:
        self._folder = folder
        self.store = store
        self.effects = effects
        self._environment = {
            **os.environ,
            "SAGA_STORE": store,
            "EFFECTS_DB": effects,
            "SAGA_LOG_FORMAT": "json",
            **{f"SAGA_{name.upper()}": value for name, value in settings.items()},
        }
        self.members: list[Member] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            member.kill()
        if error is not None:
            for member in self.members:
                print(f"--- {member.name}\n{member.log()[-3000:]}")  # noqa: T201 (pytest shows it with the failure)

    async def participant(self, *services: str) -> Member:
        """Starts a process that serves these participants of the shop; returns when it does."""
        targets = [f"tests.process.shop:{service}" for service in services]
        return await self.serve(*targets)

    async def serve(self, *targets: str) -> Member:
        """Starts a process that serves these; returns when it does."""
        return await self._start("participant", *targets, ready='"serving"')

    async def supervisor(self) -> Member:
        return await self._start("supervisor", ready='"connected"')

    async def api(self, port: int) -> Member:
        """Starts a process that serves the API on this port; returns when it does."""
        return await self._start("api", ready="API: http", api=f"127.0.0.1:{port}")

    async def _start(self, *command: str, ready: str, **settings: str) -> Member:
        number = len(self.members)
        path = self._folder / f"{number}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220 (starting it does not wait)
                [sys.executable, "-m", "saga.cli", *command],
                cwd=ROOT,
                env=self._environment | {f"SAGA_{name.upper()}": value for name, value in settings.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        member = Member(f"{number} {' '.join(command)}", process, path)
        self.members.append(member)
        await until(
            lambda: ready in member.log() or not member.is_running, f"{member.name} is ready", seconds=START_SECONDS
        )
        assert ready in member.log(), member.log()
        return member


class Member:
    """One process of the fleet."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], path: Path) -> None:
        self.name = name
        self._process = process
        self._path = path

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        return self._path.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kills the process with SIGKILL, which ends a stopped process too, and waits for its end."""
        if self.is_running:
            self._process.kill()
        self._process.wait()

    async def ended(self) -> int:
        """Waits until it has ended by itself; returns its exit code."""
        await until(lambda: not self.is_running, f"{self.name} has ended", seconds=END_SECONDS)
        return self._process.wait()


@asynccontextmanager
async def connected(url: str, **settings: str) -> AsyncIterator[Sql]:
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        yield connection
    finally:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=2)


async def prepare(store: str, effects: str) -> None:
    """The tables of the shop's services."""
    async with connected(store) as books:
        await books.execute("create table public.noted (saga uuid, amount integer)")
    async with connected(effects) as outside:
        await outside.execute(EFFECTS)


@asynccontextmanager
async def held_back(effects: str) -> AsyncIterator[asyncio.Event]:
    """No `post.hold` comes to its end until the event is set, or the block ends."""
    async with connected(effects) as gate:
        await gate.execute("select pg_advisory_lock($1)", GATE)
        opened = asyncio.Event()

        async def wait() -> None:
            await opened.wait()
            await gate.execute("select pg_advisory_unlock($1)", GATE)

        waiting = asyncio.create_task(wait())
        try:
            yield opened
        finally:
            opened.set()
            await waiting


async def calls_under_way(effects: str, count: int) -> None:
    """Waits until that many calls of `post.hold` are held back."""
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = $1"
    async with connected(effects) as outside:
        await until(lambda: _is(outside, waiting, count), f"{count} calls are under way")


async def _is(sql: Sql, query: str, count: int) -> bool:
    return bool(await sql.fetchval(query, GATE) == count)


async def audit(store: str, effects: str) -> dict[str, int]:
    """Compares the services' own tables with the ends of the sagas. Returns the number of sagas by end.

    A completed order has each effect once; one that was rolled back has it and its undoing once each, or neither.
    """
    async with connected(store, search_path="saga") as books, connected(effects) as outside:
        sagas = await books.fetch(
            "select s.id, s.phase, convert_from(s.input, 'UTF8')::integer as amount from saga s"
            " join definition d on d.id = s.definition where d.name = 'shop'"
        )
        found = [
            await books.fetch("select saga, amount from public.noted"),
            await outside.fetch("select saga, amount from reserved"),
            await outside.fetch("select saga, amount from charged"),
        ]
    endings: dict[str, int] = {}
    for saga in sagas:
        phase = saga["phase"].decode()
        endings[phase] = endings.get(phase, 0) + 1
        for effects_of_mode in found:
            amounts = sorted(row["amount"] for row in effects_of_mode if row["saga"] == saga["id"])
            wanted = [[saga["amount"]]] if phase == "D" else [[], [-saga["amount"], saga["amount"]], [0, 0]]
            assert amounts in wanted, f"{saga['id']} is {phase} and has the effects {amounts}"
    return endings
