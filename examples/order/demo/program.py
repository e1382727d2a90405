"""One program of the demo, in a process forked from a server that has already imported Saga.

Starting such a process costs no second of imports, so that a killed one is soon replaced. It is still an
operating-system process with a pid, a session and a log of its own, and `kill -9` ends it like any other.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_IMPORTED_ONCE = ("examples.order.demo.program", "examples.order.provider.server", "saga.cli", "saga_postgres")


def prepare() -> None:
    """Starts the server that forks, which then imports Saga while the caller does something else."""
    _FORKS.set_forkserver_preload([*_IMPORTED_ONCE])
    forkserver.ensure_running()


def fork(
    command: Sequence[str], environment: Mapping[str, str], log: Path, output: Connection | None = None
) -> ForkServerProcess:
    """Starts a program: an installed command such as `saga`, or a module, with its arguments.

    Its standard output goes to `output` where that is given, and to the log otherwise.
    """
    process = _FORKS.Process(target=_run, args=([*command], {**environment}, log, output))
    process.start()
    return process


def _run(command: list[str], environment: dict[str, str], log: Path, output: Connection | None) -> None:
    os.setsid()  # Ctrl-C is for the demo, which then stops its processes in order
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output.fileno() if output else descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    sys.argv = command
    commands = entry_points(group="console_scripts", name=command[0])
    if commands:
        (entry,) = commands
        sys.exit(entry.load()())
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)
