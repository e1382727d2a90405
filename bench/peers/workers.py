"""Drives one workflow function from several processes with several threads, in step.

The processes start once and then run *windows*: all begin together, and a process takes its next saga when one of its
earlier sagas has ended. The connections stay open between windows, so that the server's processes can be read before
and after.
"""

from __future__ import annotations

import importlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from typing import Protocol, cast

# Long enough for the first migration of the peer's schema on a slow disk.
START_SECONDS_MAX = 120.0


class Peer(Protocol):
    """The interface of a peer script's module to its worker processes."""

    def launch(self, url: str, member: int, threads: int) -> Callable[[], object]:
        """Starts the framework in this process; returns the function that runs one saga."""

    def close(self) -> None:
        """Stops the framework."""


@dataclass(frozen=True, slots=True)
class Window:
    """One measurement on every process; it ends by time or by count, whichever comes first.

    `in_flight` sagas of a process are requested at any moment, and `threads` of them run. The time that the others wait
    is part of their latency.
    """

    threads: int
    in_flight: int
    seconds: float
    sagas_per_thread: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """The result of one process in a window; times are of the machine-wide monotonic clock."""

    began: float
    ended: float
    cpu_seconds: float
    latencies_ms: list[float]


@dataclass(slots=True)
class Workers:
    """The processes, each behind a pipe, and the number of sagas that they have run in all."""

    pipes: list[Connection]
    sagas: int

    def run(self, window: Window, *, members: int | None = None) -> list[Tally]:
        """Runs a window on the first `members` processes, or on all of them."""
        chosen = self.pipes[:members]
        for pipe in chosen:
            pipe.send(window)
        tallies = [cast("Tally", _receive(pipe)) for pipe in chosen]
        self.sagas += sum(len(tally.latencies_ms) for tally in tallies)
        return tallies


@contextmanager
def workers(module: str, url: str, *, processes: int, threads: int) -> Iterator[Workers]:
    """Starts the processes, each with the peer of this module launched in it."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    workers: list[SpawnProcess] = []
    for member in range(processes):
        here, there = context.Pipe()
        worker = context.Process(target=_member, args=(there, module, url, member, threads))
        worker.start()
        there.close()
        pipes.append(here)
        workers.append(worker)
        # One after the other, because the first one migrates the schema.
        _receive(here, START_SECONDS_MAX)
    try:
        yield Workers(pipes, sagas=processes)
    finally:
        for pipe in pipes:
            pipe.send(None)
        for worker in workers:
            worker.join()


def _receive(pipe: Connection, seconds_max: float | None = None) -> object:
    if not pipe.poll(seconds_max):
        raise TimeoutError(f"no answer from a worker within {seconds_max} s")
    return pipe.recv()


def _member(pipe: Connection, module: str, url: str, member: int, threads: int) -> None:
    peer = cast("Peer", importlib.import_module(module))
    saga = peer.launch(url, member, threads)
    saga()
    pipe.send("ready")
    try:
        while isinstance(window := pipe.recv(), Window):
            pipe.send(_tally(saga, window))
    finally:
        peer.close()


def _tally(saga: Callable[[], object], window: Window) -> Tally:
    latencies: list[list[float]] = [[] for _ in range(window.threads)]
    tickets: SimpleQueue[float] = SimpleQueue()
    cpu, began = time.process_time(), time.monotonic()
    for _ in range(window.in_flight):
        tickets.put(began)
    threads = [threading.Thread(target=_work, args=(saga, window, tickets, began, mine)) for mine in latencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended, spent = time.monotonic(), time.process_time() - cpu
    return Tally(began, ended, spent, [one for mine in latencies for one in mine])


def _work(
    saga: Callable[[], object],
    window: Window,
    tickets: SimpleQueue[float],
    began: float,
    mine: list[float],
) -> None:
    until = began + window.seconds
    limit = window.sagas_per_thread
    while limit is None or len(mine) < limit:
        # A ticket holds the moment at which its saga was asked for. There are at least as many
        # as threads, so that nobody waits for one at the end.
        asked = tickets.get()
        if time.monotonic() >= until:
            return
        saga()
        now = time.monotonic()
        mine.append((now - asked) * 1000)
        tickets.put(now)
