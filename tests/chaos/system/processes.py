"""The processes of a run. They are forked from a process that has imported everything, so that a restart costs no second of imports."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from saga.cli import main as saga_command
from tests.chaos.system import provider, surprises
from tests.chaos.system.customer import serve as serve_customer
from tests.runtime.world import until

STOP_SECONDS = 20.0
CONNECTED, SERVING = b'"connected"', b'"serving"'  # in the log
_PR_SET_PDEATHSIG = 1
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["tests.chaos.system.processes", "uvloop", "asyncpg", "pydantic_settings.sources.providers.yaml", "yaml"]
)


class Member:
    """One process that is started again after every kill. `work` is a function of a module, `environment` is added to ours."""

    def __init__(
        self, name: str, work: Callable[..., object], *arguments: object, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.arguments = arguments
        self._work = work
        self._log = log
        self._environment = dict(environment)
        self._process: ForkServerProcess | None = None
        self._log_start_bytes = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_alive()

    @property
    def has_ended_by_itself(self) -> bool:
        return self._process is not None and not self._process.is_alive()

    @property
    def has_served(self) -> bool:
        """Tells whether it has logged that it works; a process without a store need not."""
        at_work = SERVING if self._work is participant else CONNECTED
        return at_work in self._log.read_bytes()[self._log_start_bytes :] or "SAGA_STORE" not in self._environment

    def start(self) -> None:
        self._log_start_bytes = self._log.stat().st_size if self._log.exists() else 0
        self._process = _FORKS.Process(
            target=_run, args=(self._work, self.arguments, self._environment, self._log), name=self.name, daemon=True
        )
        self._process.start()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it with -9 and waits for its end. That ends a suspended process as well."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    async def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Tells it to end, and waits; returns False if it had to be killed."""
        process, is_in_time = self._process, True
        if process is not None and process.is_alive():
            process.terminate()
            try:
                await until(lambda: not process.is_alive(), f"{self.name} has ended", seconds=seconds)
            except AssertionError:
                is_in_time = False
        self.kill()
        return is_in_time

    def log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:] if self._log.exists() else ""


def participant(*services: str) -> None:
    """Runs `saga participant` for services, such as "system.shop:books"."""
    sys.exit(saga_command(["participant", *(f"tests.chaos.{service}" for service in services)]))


def supervisor() -> None:
    """Runs `saga supervisor`."""
    sys.exit(saga_command(["supervisor"]))


def run_provider(file: Path, port: int) -> None:
    import uvloop  # noqa: PLC0415 (not on Windows)

    uvloop.run(provider.serve(file, port))


def customer(file: Path, first: int, rate: float, open_max: int) -> None:
    serve_customer(file, first, rate, open_max)


def _run(work: Callable[..., object], arguments: tuple[object, ...], environment: dict[str, str], log: Path) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    surprises.prepare(log.parent)
    work(*arguments)
