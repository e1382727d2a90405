"""A process that was told to stop ends in time, even if it cannot write a word."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TIMEOUT_SECONDS = 30
PROGRAM = """
import asyncio, sys, threading, time
from saga.cli.processes import shutdown

shutdown.LAST_SECONDS = shutdown.LAST_WORDS_SECONDS = 0.2

async def work():
    print("no room")
    {writing}
    while True:
        time.sleep(0.01)

asyncio.run(shutdown.run_until_signalled(work(), 0.0))
"""


@pytest.mark.parametrize(
    "writing",
    [
        pytest.param('print("begun", file=sys.stderr)', id="stdout is a full disk"),
        pytest.param(
            'threading.Thread(target=print, args=("x" * 10_000_000,), kwargs={"file": sys.stderr}, daemon=True).start()',
            id="nobody reads stderr, whose lock another thread holds",
        ),
    ],
)
def test_a_process_that_cannot_write_ends_all_the_same(writing: str) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM.replace("{writing}", writing)],
            env={**os.environ, "PYTHONUNBUFFERED": ""},  # what is printed to the full disk waits in a buffer
            stdout=full,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        try:
            assert process.stderr is not None
            assert select.select([process.stderr], [], [], TIMEOUT_SECONDS)[0], "it did not begin"
            assert process.stderr.read(1) in {b"b", b"x"}
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_SECONDS) == 1
        finally:
            process.kill()
