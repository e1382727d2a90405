"""The reference adapter of every port: store, bus and election within one process, for tests, trials and simulations.

`memory://name` is the same store, bus and election for everybody in the process who uses that name, until `forget`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from saga.memory.adapter import MemoryAdapter
from saga.memory.bus import Broker, MemoryBus
from saga.memory.data.database import Database
from saga.memory.election import LEASE_SECONDS, MemoryElection
from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.ports.bus import Bus
from saga.ports.clock import SystemClock
from saga.ports.election import Election


@dataclass(frozen=True, slots=True)
class _World:
    database: Database
    broker: Broker


_worlds: dict[tuple[str, str], _World] = {}


def open_store(url: str, options: StoreOptions) -> StoreAdapter:
    """The adapter behind memory:// URLs. Namespaces of one name are worlds of their own."""
    return MemoryAdapter(_world(url, options.namespace).database, options)


def open_bus(url: str, namespace: str) -> Bus:
    return MemoryBus(_world(url, namespace).broker)


def open_election(url: str, namespace: str) -> Election:
    """For processes of one event loop; any store goes with it."""
    return MemoryElection(_world(url, namespace).database, LEASE_SECONDS)


def forget(url: str) -> None:
    """Throw away what is under this name, in all namespaces. Who has it open keeps what he has."""
    for key in [key for key in _worlds if key[0] == urlsplit(url).netloc]:
        del _worlds[key]


def _world(url: str, namespace: str) -> _World:
    key = (urlsplit(url).netloc, namespace)
    if key not in _worlds:
        clock = SystemClock()
        _worlds[key] = _World(Database(clock, time.time() - clock.monotonic()), Broker())
    return _worlds[key]
