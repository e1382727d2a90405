"""Service processes as users run them: `saga participant module:name`, logging at INFO into a file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.instruments.number import number
from bench.instruments.server_cost import cpu_seconds
from bench.measurement import NotMeasured

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
POLL_SECONDS = 0.02
COMMAND = Path(sys.executable).with_name("saga")

JOINED = "select count(*) from saga.participant where cardinality(services) > 0"


@dataclass(slots=True)
class Fleet:
    """Processes, each known by its own pid."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, url: str, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a command of `saga` on this store."""
        with (self.folder / f"{len(self.processes)}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(COMMAND), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {}), "SAGA_STORE": url},
            )
        self.processes.append(process)
        return process

    def wait_until_joined(self, url: str, participants: int) -> None:
        """Returns when this many processes serve.

        Raises:
            NotMeasured: a process has ended, or it takes too long.
        """
        give_up_at = time.monotonic() + START_SECONDS_MAX
        with psycopg.connect(url, autocommit=True) as connection:
            while number(connection, JOINED) < participants:
                for n, process in enumerate(self.processes):
                    if process.poll() is not None:
                        raise NotMeasured(f"a service ended: {self._last_line(n)}")
                if time.monotonic() > give_up_at:
                    raise NotMeasured(f"the services did not start in {START_SECONDS_MAX:.0f} s")
                time.sleep(POLL_SECONDS)

    def cpu_seconds(self) -> float:
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _last_line(self, n: int) -> str:
        lines = (self.folder / f"{n}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "it printed nothing"


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Starts the processes; none of them outlives the block."""
    found = Fleet(folder)
    try:
        yield found
    finally:
        found.stop()


def migrate(url: str) -> None:
    """Makes the tables with the command that users run."""
    done = subprocess.run(
        [str(COMMAND), "migrate"], env={**os.environ, "SAGA_STORE": url}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotMeasured(f"saga migrate failed: {done.stderr.strip()}")


def participants_of(module: str, names: Sequence[str]) -> list[str]:
    """Returns the targets, one process for each service."""
    return [f"{module}:{name}" for name in names]
