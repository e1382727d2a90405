"""The process that starts sagas at a steady rate, and records the answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import saga
from saga import App, Unavailable, loops
from saga.cli.log_setup import log_for_services
from saga.cli.processes.shutdown import run_until_signalled
from saga.errors import SagaError
from saga.settings import load
from tests.chaos.system.shop import GIFTS, gift, is_parcel, order, parcel

TICK_SECONDS = 0.02
ENDING_SECONDS = 3600.0  # it waits for the ends of all, not for a drain
SUFFIX = ".answers"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to the customers: acknowledged starts (number -> saga), ends (saga -> status), refusals."""

    started: dict[int, str] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def read(folder: Path) -> Answers:
    """The records of all customers of a run."""
    answers = Answers()
    for file in folder.glob(f"*{SUFFIX}"):
        whole, _, _ = file.read_text().rpartition("\n")
        for line in whole.splitlines():
            match line.split(maxsplit=2):
                case "started", number, started:
                    answers.started[int(number)] = started
                case "ended", ended, status:
                    answers.ended[ended] = status
                case _:
                    answers.refused.append(line)
    return answers


def serve(file: Path, first: int, rate: float, open_max: int) -> None:
    """Starts orders numbered from `first`, `rate` a second. On SIGTERM it starts no more, and waits for the ends of all."""
    log_for_services(load())
    loops.run(_serve(file, first, rate, open_max))


async def _serve(file: Path, first: int, rate: float, open_max: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    async with saga.connect(settings=load()) as app:
        customer = _Customer(app, descriptor, asyncio.Semaphore(open_max))
        await run_until_signalled(customer.start_orders(first, rate), ENDING_SECONDS)
        await customer.everything_ended()


class _Customer:
    def __init__(self, app: App, descriptor: int, slots: asyncio.Semaphore) -> None:
        self._app = app
        self._descriptor = descriptor
        self._slots = slots
        self._waiting: set[asyncio.Task[None]] = set()

    async def start_orders(self, first: int, rate: float) -> None:
        """Starts as many orders as the rate requires by now, and so catches up after an outage."""
        began_at = time.monotonic()
        number = first
        while True:
            while number - first < (time.monotonic() - began_at) * rate:
                await self._slots.acquire()
                task = asyncio.create_task(self._order(number))
                self._waiting.add(task)
                task.add_done_callback(self._done)
                number += 1
            await asyncio.sleep(TICK_SECONDS)

    async def everything_ended(self) -> None:
        while self._waiting:
            await asyncio.wait(self._waiting)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._slots.release()
        self._waiting.discard(task)
        task.result()

    async def _order(self, number: int) -> None:
        try:
            await self._carry(number)
        except SagaError as error:  # no order may be refused: the audit asks for the reason
            self._write(f"refused {number} {type(error).__name__}: {' '.join(str(error).split())}")

    async def _carry(self, number: int) -> None:
        definition = gift if number % GIFTS == 0 else parcel if is_parcel(number) else order
        while True:
            with contextlib.suppress(Unavailable):  # unknown: the next start with the same key finds out
                handle = await self._app.start(definition, number, key=str(number))
                break
        self._write(f"started {number} {handle.id}")
        while True:
            with contextlib.suppress(Unavailable):
                ending = await handle.result()
                break
        self._write(f"ended {handle.id} {ending.status}")

    def _write(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())
