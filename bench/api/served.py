"""An API process as users run it: `saga api`."""

from __future__ import annotations

import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.environment.fleet import Fleet, fleet
from bench.instruments.server_cost import cpu_seconds
from bench.measurement import NotMeasured
from saga_postgres.embedded.child import free_port

START_SECONDS_MAX = 60.0
POLL_SECONDS = 0.05
HTTP_OK = 200


class Served:
    """A process that answers at `link`."""

    def __init__(self, link: str, pid: int) -> None:
        self.link = link
        self._pid = pid

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._pid)


@contextmanager
def api(url: str) -> Iterator[Served]:
    """Serves the API of this store until the block ends."""
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as services:
        yield start_api(services, url)


def start_api(services: Fleet, url: str) -> Served:
    """Starts an API process, and returns once it answers."""
    port = free_port()
    process = services.start(url, "api", environment={"SAGA_API": f"127.0.0.1:{port}"})
    link, give_up_at = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS_MAX
    while not _answers(link):
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise NotMeasured(f"the API does not answer: see `saga api`, which ended with {process.poll()}")
        time.sleep(POLL_SECONDS)
    return Served(link, process.pid)


def _answers(link: str) -> bool:
    try:
        with urllib.request.urlopen(f"{link}/livez", timeout=START_SECONDS_MAX) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == HTTP_OK)
    except OSError:
        return False
