"""The reference adapter of every port: store, bus, election and journal within one process, for tests, first steps and simulations.

`memory://name` is the same store, bus, election and journal wherever the process uses this name, until `forget`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from saga.memory.adapter import MemoryAdapter
from saga.memory.bus import Broker, MemoryBus
from saga.memory.data.database import Database
from saga.memory.election import LEASE_SECONDS, MemoryElection
from saga.memory.journal import MemoryJournal, ServiceDatabase
from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.ports.bus import Bus
from saga.ports.clock import SystemClock
from saga.ports.election import Election
from saga.ports.journal import Journal


@dataclass(frozen=True, slots=True)
class _Instance:
    database: Database
    broker: Broker


_instances: dict[tuple[str, str], _Instance] = {}
_services: dict[str, ServiceDatabase] = {}


def open_store(url: str, options: StoreOptions) -> StoreAdapter:
    """The store for memory:// URLs. Each namespace of a name has a store of its own."""
    return MemoryAdapter(_instance(url, options.namespace).database, options, urlsplit(url).netloc)


def open_bus(url: str, namespace: str) -> Bus:
    return MemoryBus(_instance(url, namespace).broker)


def open_election(url: str, namespace: str) -> Election:
    """An election among processes of one event loop, with any store."""
    return MemoryElection(_instance(url, namespace).database, LEASE_SECONDS)


def open_journal(url: str, connections_max: int, application: str) -> Journal:  # noqa: ARG001 (it has no connections)
    """The journal for memory:// URLs. The steps of a service use `ctx.sql.get` and `put`: there is no SQL."""
    return MemoryJournal(service_database(url))


def service_database(url: str) -> ServiceDatabase:
    """The rows that the steps of a service with this database have written, for the assertions of tests."""
    return _services.setdefault(urlsplit(url).netloc, ServiceDatabase())


def forget(url: str) -> None:
    """Discards the store, bus and journal of this name, in all namespaces. Adapters that are already open keep working."""
    name = urlsplit(url).netloc
    _services.pop(name, None)
    for key in [key for key in _instances if key[0] == name]:
        del _instances[key]


def _instance(url: str, namespace: str) -> _Instance:
    key = (urlsplit(url).netloc, namespace)
    if key not in _instances:
        clock = SystemClock()
        _instances[key] = _Instance(Database(clock, time.time() - clock.monotonic()), Broker())
    return _instances[key]
