"""The operating-system processes of the demo, by name."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from multiprocessing import Pipe
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from examples.order.demo import program

STOP_SECONDS_MAX = 10.0
LOG_LINES_SHOWN = 15


class ProcessEnded(Exception):
    """A process ended that had not been stopped."""


class Fleet:
    """Starts, kills and stops processes; none of them outlives it.

    `unless_one_ends` notices a process that ends by itself.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {}
        self._processes: dict[str, ForkServerProcess] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._ended: asyncio.Future[ProcessEnded] = asyncio.get_running_loop().create_future()

    async def start(self, name: str, *command: str, environment: dict[str, str]) -> None:
        """Starts a process, and remembers its command for `restart`."""
        self._commands[name] = [*command], environment
        await self.restart(name)

    async def start_provider(self, *command: str) -> str:
        """Starts the payment provider and returns the address that it prints."""
        reader, writer = Pipe(duplex=False)
        self._watch("provider", program.fork([*command], {}, self._log("provider"), writer))
        writer.close()
        with os.fdopen(os.dup(reader.fileno()), encoding="utf-8") as output:
            address = (await asyncio.to_thread(output.readline)).strip()
        reader.close()
        if not address:
            raise await self._ended
        return address

    async def restart(self, name: str) -> None:
        """Starts a killed process again, with another pid."""
        command, environment = self._commands[name]
        self._watch(name, program.fork(command, environment, self._log(name)))

    def pause(self, name: str) -> None:
        """Freezes a process."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Lets a frozen process continue."""
        self._signal(name, signal.SIGCONT)

    async def kill(self, name: str) -> int:
        """Kills a process with -9; returns its pid."""
        process = self._processes.pop(name)
        self._watchers.pop(name).cancel()
        process.kill()
        await _end_of(process)
        return process.pid or 0

    async def run(self, name: str, *command: str, environment: dict[str, str]) -> None:
        """Runs a program to its end.

        Raises:
            ProcessEnded: it failed.
        """
        process = program.fork([*command], environment, self._log(name))
        try:
            await _end_of(process)
        finally:
            process.kill()
        if process.exitcode:
            raise ProcessEnded(self._obituary(name, process.exitcode))

    async def unless_one_ends(self, work: Coroutine[None, None, None]) -> None:
        """Does the work, but gives up as soon as a process ends by itself.

        Raises:
            ProcessEnded: with the last lines of its log.
        """
        task = asyncio.create_task(work)
        try:
            either: set[asyncio.Future[None] | asyncio.Future[ProcessEnded]] = {task, self._ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                raise self._ended.result()
            await task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def stop(self) -> None:
        """Ends every process, with SIGTERM, and with SIGKILL where that does not help."""
        for watcher in self._watchers.values():
            watcher.cancel()
        running = [process for process in self._processes.values() if process.is_alive()]
        for process in running:
            process.terminate()
            _send(process, signal.SIGCONT)  # a frozen process would not receive SIGTERM
        if running:
            await asyncio.wait([asyncio.create_task(_end_of(process)) for process in running], timeout=STOP_SECONDS_MAX)
        for process in running:
            process.kill()
            await _end_of(process)
        self._processes.clear()
        self._watchers.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _watch(self, name: str, process: ForkServerProcess) -> None:
        self._processes[name] = process
        self._watchers[name] = asyncio.create_task(self._report_end(name, process))

    async def _report_end(self, name: str, process: ForkServerProcess) -> None:
        await _end_of(process)
        if not self._ended.done():
            self._ended.set_result(ProcessEnded(self._obituary(name, process.exitcode or 0)))

    def _signal(self, name: str, number: signal.Signals) -> None:
        _send(self._processes[name], number)

    def _obituary(self, name: str, status: int) -> str:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        last = "\n".join(lines[-LOG_LINES_SHOWN:])
        return f"{name} ended by itself with status {status}; its log ends with:\n{last}"

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


async def _end_of(process: ForkServerProcess) -> None:
    """Returns when the process has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    sentinel = os.dup(process.sentinel)  # several may wait for one process, and a loop takes one reader a descriptor
    loop.add_reader(sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sentinel)
        os.close(sentinel)
    process.join()


def _send(process: ForkServerProcess, number: signal.Signals) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, number)
