"""The reference adapter of every port: store, bus and election within one process, for tests, first steps and simulations.

`memory://name` is the same store, bus and election wherever the process uses this name, until `forget`.
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
class _Instance:
    database: Database
    broker: Broker


_instances: dict[tuple[str, str], _Instance] = {}


def open_store(url: str, options: StoreOptions) -> StoreAdapter:
    """The store for memory:// URLs. Each namespace of a name has a store of its own."""
    return MemoryAdapter(_instance(url, options.namespace).database, options)


def open_bus(url: str, namespace: str) -> Bus:
    return MemoryBus(_instance(url, namespace).broker)


def open_election(url: str, namespace: str) -> Election:
    """An election among processes of one event loop, with any store."""
    return MemoryElection(_instance(url, namespace).database, LEASE_SECONDS)


def forget(url: str) -> None:
    """Discard the store and bus of this name, in all namespaces. Adapters that are already open keep working."""
    for key in [key for key in _instances if key[0] == urlsplit(url).netloc]:
        del _instances[key]


def _instance(url: str, namespace: str) -> _Instance:
    key = (urlsplit(url).netloc, namespace)
    if key not in _instances:
        clock = SystemClock()
        _instances[key] = _Instance(Database(clock, time.time() - clock.monotonic()), Broker())
    return _instances[key]
