"""The process that starts sagas at a steady rate, sends what they wait for, and records the answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import saga
from saga import App, Definition, Unavailable, loops
from saga.cli.log_setup import log_for_services
from saga.cli.processes.shutdown import run_until_signalled
from saga.errors import SagaError
from saga.settings import load
from tests.chaos.system.shop import GIFTS, gift, is_parcel, order, parcel
from tests.chaos.waits import correspondent
from tests.chaos.waits.bookings import booking
from tests.chaos.waits.correspondent import Correspondent
from tests.chaos.waits.letters import is_booking, is_visa
from tests.chaos.waits.visas import FILE, visa

TICK_SECONDS = 0.02
ENDING_SECONDS = 3600.0  # it waits for the ends of all, not for a drain
CUSTOMERS: Final = 2
NUMBERS_EACH: Final = 10_000_000
"""A customer never starts a number of an earlier one, and each of them has every second range of this length."""
SUFFIX, BEGUN = ".answers", ".begun"


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
        _read_into(answers, file)
    return answers


def _read_into(answers: Answers, file: Path) -> None:
    for line in _lines(file):
        match line.split(maxsplit=2):
            case "started", number, started:
                answers.started[int(number)] = started
            case "ended", ended, status:
                answers.ended[ended] = status
            case _:
                answers.refused.append(line)


def is_attended(answers: object, pid: int) -> bool:
    """Tells whether this process has taken over what its predecessors, with the same file of answers, have begun."""
    assert isinstance(answers, Path)
    return f"attended {pid}" in _lines(answers.with_suffix(BEGUN))


def serve(file: Path, first: int, rate: float, open_max: int) -> None:
    """Starts orders numbered from `first`, `rate` a second. On SIGTERM it starts no more, and waits for the ends of all.

    It also takes over the sagas that wait, and that earlier processes with the same file have begun.
    """
    log_for_services(load())
    loops.run(_serve(file, first, rate, open_max))


async def _serve(file: Path, first: int, rate: float, open_max: int) -> None:
    async with saga.connect(settings=load()) as app:
        customer = _Customer(app, file, first, asyncio.Semaphore(open_max))
        answering = asyncio.create_task(customer.correspondent.answer_requests(file.parent / FILE))
        await run_until_signalled(customer.start_orders(first, rate), ENDING_SECONDS)
        await customer.everything_ended()
        answering.cancel()


class _Customer:
    def __init__(self, app: App, file: Path, first: int, slots: asyncio.Semaphore) -> None:
        self._app = app
        self._file = file
        self._begun = _appended(file.with_suffix(BEGUN))
        self._answers = _appended(file)
        self._slots = slots
        self._waiting: set[asyncio.Task[None]] = set()
        letters = _appended(file.with_suffix(correspondent.SUFFIX))
        turn = _turn(first)
        store = load().store
        assert store is not None
        self.correspondent = Correspondent(
            app, store.get_secret_value(), lambda line: _write(letters, line), lambda number: _turn(number) == turn
        )

    async def start_orders(self, first: int, rate: float) -> None:
        """Starts as many orders as the rate requires by now, and so catches up after an outage."""
        began_at = time.monotonic()
        for unfinished in _unfinished(self._file):
            self._begin(unfinished)
        _write(self._begun, f"attended {os.getpid()}")
        number = first
        while True:
            while number - first < (time.monotonic() - began_at) * rate:
                if waits(number):
                    _write(self._begun, f"begun {number}")
                else:
                    await self._slots.acquire()
                self._begin(number)
                number += 1
            await asyncio.sleep(TICK_SECONDS)

    async def everything_ended(self) -> None:
        while self._waiting:
            await asyncio.wait(self._waiting)

    def _begin(self, number: int) -> None:
        task = asyncio.create_task(self._order(number))
        self._waiting.add(task)
        task.add_done_callback(partial(self._done, number))

    def _done(self, number: int, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        if not waits(number):
            self._slots.release()
        task.result()

    async def _order(self, number: int) -> None:
        try:
            await self._carry(number)
        except SagaError as error:  # no order may be refused: the audit asks for the reason
            self._write(f"refused {number} {type(error).__name__}: {' '.join(str(error).split())}")

    async def _carry(self, number: int) -> None:
        while True:
            with contextlib.suppress(Unavailable):  # unknown: the next start with the same key finds out
                handle = await self._app.start(_definition(number), number, key=str(number))
                break
        self._write(f"started {number} {handle.id}")
        posting = asyncio.create_task(self.correspondent.post(number, handle.id)) if waits(number) else None
        while True:
            with contextlib.suppress(Unavailable):
                ending = await handle.result()
                break
        self._write(f"ended {handle.id} {ending.status}")
        if posting is not None:
            await posting

    def _write(self, line: str) -> None:
        _write(self._answers, line)


def waits(number: int) -> bool:
    """Tells whether the saga of a number waits for its customer."""
    return is_booking(number) or is_visa(number)


def _definition(number: int) -> Definition[int]:
    if waits(number):
        return booking if is_booking(number) else visa
    return gift if number % GIFTS == 0 else parcel if is_parcel(number) else order


def _turn(number: int) -> int:
    """Returns which of the customers starts this number."""
    return (number - 1) // NUMBERS_EACH % CUSTOMERS


def _unfinished(file: Path) -> Iterator[int]:
    """Yields the numbers that were begun, and of which this file of answers does not have the end."""
    answers = Answers()
    _read_into(answers, file)
    for line in _lines(file.with_suffix(BEGUN)):
        word, number = line.split()
        if word == "begun" and answers.started.get(int(number)) not in answers.ended:
            yield int(number)


def _lines(file: Path) -> list[str]:
    """The complete lines of a file."""
    return file.read_text().rpartition("\n")[0].splitlines() if file.exists() else []


def _appended(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def _write(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())
