"""Readers in their own processes, which join, leave, freeze and die."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from types import TracebackType
from typing import Self

from tests.runtime.world import until

READY_SECONDS = 20.0
STOP_SECONDS = 15.0


class ReaderProcess:
    """One process. `own` counts what it printed."""

    def __init__(self, process: Process, arrived: Counter[int]) -> None:
        self._process = process
        self._arrived = arrived
        self.own: Counter[int] = Counter()
        self.is_ready = False
        self._listening = asyncio.create_task(self._listen())

    def step(self) -> None:
        """Lets it receive one more delivery."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def end(self, signal_: signal.Signals) -> None:
        """SIGKILL kills it; SIGINT makes it leave the group."""
        if self._process.returncode is None:
            self._process.send_signal(signal_)
            self.thaw()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).strip():
            if line == b"ready":
                self.is_ready = True
            else:
                self.own[int(line)] += 1
                self._arrived[int(line)] += 1


class ReaderProcesses:
    """Starts readers, and kills them at the end."""

    def __init__(self, url: str, arrived: Counter[int]) -> None:
        self._url = url
        self._arrived = arrived
        self.members: list[ReaderProcess] = []

    async def join(self, *arguments: str) -> ReaderProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.kinesis.reader", self._url, *arguments, stdin=PIPE, stdout=PIPE
        )
        member = ReaderProcess(process, self._arrived)
        self.members.append(member)
        await until(lambda: member.is_ready, "the reader has joined", seconds=READY_SECONDS)
        return member

    async def lose(self, member: ReaderProcess, signal_: signal.Signals) -> None:
        self.members.remove(member)
        await member.end(signal_)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            await asyncio.gather(*(member.end(signal.SIGKILL) for member in self.members))
