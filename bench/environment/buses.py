"""The outside buses of a run, each a server on this machine, in its released form."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import quote

from bench.measurement import Figures, Measure, Setup
from bench.measurements import latency, throughput
from tests.services import kafka, kinesis, nats

VARIABLE = "SAGA_BUS"
PARTITIONS = 6
SHARDS = 4

_numbers = itertools.count(1)


@contextmanager
def kafka_bus() -> Iterator[None]:
    """One broker. Its JVM has the second compiler, which is switched off where only the start must be quick."""
    with (
        kafka.cluster(kafka.Shape(is_fast_to_start=False)) as cluster,
        _named(f"kafka://{cluster.servers}?create=1&replication=1&partitions={PARTITIONS}"),
    ):
        yield


@contextmanager
def kinesis_bus() -> Iterator[None]:
    """A stand-in for Kinesis on this machine."""
    with (
        kinesis.Kinesalite() as server,
        _named(f"kinesis://test:test@us-east-1?endpoint_url={quote(server.endpoint)}&create=1&shards={SHARDS}"),
    ):
        yield


@contextmanager
def nats_bus() -> Iterator[None]:
    """One server, which writes each message to disk before it confirms it."""
    with nats.cluster() as server, _named(server.bus_url):
        yield


@contextmanager
def _named(url: str) -> Iterator[None]:
    os.environ[VARIABLE] = url
    try:
        yield
    finally:
        del os.environ[VARIABLE]


BUSES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "kafka": kafka_bus,
    "kinesis": kinesis_bus,
    "nats": nats_bus,
}


def fresh_url(setup: Setup) -> str:
    """The bus, with new topics, so that a run does not read messages of an earlier one. Its leases are beside the saga tables."""
    url = f"{os.environ[VARIABLE]}&prefix=bench{next(_numbers)}."
    return f"{url}&leases={quote(setup.url, safe='')}" if url.startswith("kinesis:") else url


def on_fresh_topics(measure: Measure) -> Measure:
    """The same measurement on new topics."""

    def measured(setup: Setup) -> Figures:
        shared = os.environ[VARIABLE]
        os.environ[VARIABLE] = fresh_url(setup)
        try:
            return measure(setup)
        finally:
            os.environ[VARIABLE] = shared

    return measured


five_processes = on_fresh_topics(throughput.five_processes)
one_at_a_time = on_fresh_topics(latency.latency)
