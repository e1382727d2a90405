"""Runs a coroutine in an operating-system process of its own, as a service does: with its own loop, collector and logs."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeAlias

from bench.measurement import NotMeasured
from saga import logs, loops

STOP_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer of a child that failed."""

    text: str


class Line:
    """A child's end of the pipe to its parent."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    async def receive(self) -> Any:
        """Waits for the next message of the parent; None means that there is none."""
        try:
            return await asyncio.to_thread(self._pipe.recv)
        except EOFError:
            return None

    def say(self, answer: object) -> None:
        self._pipe.send(answer)


Main: TypeAlias = Callable[..., Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Child:
    """The parent's end of the pipe."""

    pipe: Connection
    process: SpawnProcess

    def ask(self, question: object, seconds_max: float | None = None) -> Any:
        """Sends a message and waits for the answer."""
        self.pipe.send(question)
        return self.receive(seconds_max)

    def receive(self, seconds_max: float | None = None) -> Any:
        """Waits for the next answer.

        Raises:
            NotMeasured: the child failed, or does not answer in time.
        """
        if not self.pipe.poll(seconds_max):
            raise NotMeasured(f"no answer from a child process in {seconds_max} s")
        try:
            answer = self.pipe.recv()
        except EOFError:
            raise NotMeasured("a child process ended without an answer") from None
        if isinstance(answer, Failure):
            raise NotMeasured(answer.text)
        return answer


@contextmanager
def child(log: Path, main: Main, *arguments: object) -> Iterator[Child]:
    """Starts `main(line, *arguments)` in a new process that logs into this file; at the end it is sent None."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_run, args=(there, log, main, arguments))
    process.start()
    there.close()
    try:
        yield Child(here, process)
    finally:
        _end(here, process)


def _end(pipe: Connection, process: SpawnProcess) -> None:
    if process.is_alive():
        pipe.send(None)
        process.join(STOP_SECONDS_MAX)
    if process.is_alive():
        process.kill()
        process.join()


def _run(pipe: Connection, log: Path, main: Main, arguments: tuple[object, ...]) -> None:
    with log.open("a", encoding="utf-8") as stream:
        logs.configure("auto", "info", stream=stream)
        try:
            loops.run(main(Line(pipe), *arguments))
        except Exception as error:
            pipe.send(Failure(f"{type(error).__name__}: {error}"))
            raise
