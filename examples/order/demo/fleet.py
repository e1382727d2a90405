"""The operating-system processes of the demo, each known by its own pid."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import IO, Self

STOP_SECONDS_MAX = 10.0
LOG_LINES_SHOWN = 15


class ProcessEnded(Exception):
    """A process ended that nobody had stopped."""


class Fleet:
    """Starts, kills and stops processes; none of them outlives it.

    One that ends by itself is noticed by `unless_one_ends`.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {}
        self._processes: dict[str, Process] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._ended: asyncio.Future[ProcessEnded] = asyncio.get_running_loop().create_future()

    async def start(self, name: str, *command: str, environment: dict[str, str]) -> None:
        """Start a process and remember how, so that `restart` can."""
        self._commands[name] = [*command], environment
        await self.restart(name)

    async def start_provider(self, *command: str) -> str:
        """Start the payment provider and return the address that it prints."""
        process = await self._start("provider", [*command], {}, stdout=PIPE)
        address = (await process.stdout.readline()).decode().strip() if process.stdout else ""
        if not address:
            raise ProcessEnded(self._obituary("provider", await process.wait()))
        return address

    async def restart(self, name: str) -> None:
        """Start a killed process again, with another pid."""
        command, environment = self._commands[name]
        await self._start(name, command, environment, stdout=None)

    def pause(self, name: str) -> None:
        """Freeze a process where it stands."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen process go on."""
        self._processes[name].send_signal(signal.SIGCONT)

    async def kill(self, name: str) -> int:
        """Kill with -9; return the pid that was."""
        process = self._processes.pop(name)
        self._watchers.pop(name).cancel()
        process.kill()
        await process.wait()
        return process.pid

    async def run(self, name: str, *command: str, environment: dict[str, str]) -> None:
        """Run a program to its end.

        Raises:
            ProcessEnded: it failed.
        """
        with self._log(name).open("ab") as log:
            process = await _spawn([*command], environment, stdout=log, stderr=log)
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        if status:
            raise ProcessEnded(self._obituary(name, status))

    async def unless_one_ends(self, work: Coroutine[None, None, None]) -> None:
        """Do the work, but give it up as soon as a process ends that nobody stopped.

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
        """End every process: first with SIGTERM, then without asking."""
        for watcher in self._watchers.values():
            watcher.cancel()
        running = [process for process in self._processes.values() if process.returncode is None]
        for process in running:
            process.terminate()
            process.send_signal(signal.SIGCONT)  # one that is frozen would not hear
        if running:
            await asyncio.wait([asyncio.create_task(process.wait()) for process in running], timeout=STOP_SECONDS_MAX)
        for process in running:
            if process.returncode is None:
                process.kill()
                await process.wait()
        self._processes.clear()
        self._watchers.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(
        self, name: str, command: list[str], environment: dict[str, str], *, stdout: int | None
    ) -> Process:
        with self._log(name).open("ab") as log:
            process = await _spawn(command, environment, stdout=log if stdout is None else stdout, stderr=log)
        self._processes[name] = process
        self._watchers[name] = asyncio.create_task(self._report_end(name, process))
        return process

    async def _report_end(self, name: str, process: Process) -> None:
        status = await process.wait()
        if not self._ended.done():
            self._ended.set_result(ProcessEnded(self._obituary(name, status)))

    def _obituary(self, name: str, status: int) -> str:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        last = "\n".join(lines[-LOG_LINES_SHOWN:])
        return f"{name} ended by itself with status {status}; its log ends with:\n{last}"

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


async def _spawn(
    command: list[str], environment: dict[str, str], *, stdout: IO[bytes] | int, stderr: IO[bytes]
) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "examples.order.demo.child_process", *command),
        stdin=PIPE,
        stdout=stdout,
        stderr=stderr,
        env=os.environ | environment,
        start_new_session=True,  # Ctrl-C is for the demo, which then stops its processes in order
    )
