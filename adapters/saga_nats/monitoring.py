"""Asks the monitoring ports of the servers whether they write to disk before they confirm, which no client sees."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Sequence
from typing import Final

from saga.core.duration import duration_text
from saga.ports.bus_doctor import Check, failed, passed
from saga_nats.failures import Answer
from saga_nats.streams import NANOSECONDS

TIMEOUT_SECONDS: Final = 5.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
_REMEDY: Final = "set sync_interval: always in the jetstream block of nats-server.conf of every server"
_UNSEEN: Final = (
    "not examined: NATS does not tell its clients whether confirmed messages are on disk, which needs sync_interval: always; "
    "name the monitoring ports of the servers, ?monitor=http://HOST:8222,http://HOST:8222, to have it examined"
)


async def examine_servers(monitors: Sequence[str]) -> AsyncIterator[Check]:
    """Yields a check for each monitoring address; without any, says what stays unseen."""
    if not monitors:
        yield passed("bus disk", _UNSEEN)
    for address in monitors:
        try:
            varz = await asyncio.to_thread(_read, f"{address.rstrip('/')}/varz")
            yield _judged(varz)
        except (OSError, ValueError, KeyError, TypeError) as error:
            detail = (
                f"{address} does not answer as the monitoring port of a NATS server ({type(error).__name__}: {error})"
            )
            yield failed("bus disk", detail, "correct the option monitor, or set http: HOST:8222 in nats-server.conf")


def _judged(varz: Answer) -> Check:
    name, config = varz["server_name"], varz["jetstream"]["config"]
    if config.get("sync_always"):
        return passed("bus disk", f"{name} writes to disk before it confirms")
    every = duration_text(config.get("sync_interval", 0) // NANOSECONDS)
    detail = f"{name} confirms messages up to {every} before it writes them to disk: a power failure loses commands, until the redrive"
    return failed("bus disk", detail, _REMEDY)


def _read(address: str) -> Answer:
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 (http and https only: see Options)
        answer: Answer = json.loads(response.read(ANSWER_BYTES_MAX))
    return answer
