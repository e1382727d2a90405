"""The outside buses that a run can be measured over: each a server of this machine, as it is released."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from bench import latency, throughput
from bench.stand import Figures, Measure, Stand
from tests.services import kafka

VARIABLE = "SAGA_BUS"
PARTITIONS = 6

_numbers = itertools.count(1)


@contextmanager
def kafka_bus() -> Iterator[None]:
    """One broker, with the compiler that is left out where only the start has to be quick."""
    with kafka.cluster(kafka.Shape(is_fast_to_start=False)) as cluster:
        os.environ[VARIABLE] = f"kafka://{cluster.servers}?create=1&replication=1&partitions={PARTITIONS}"
        try:
            yield
        finally:
            del os.environ[VARIABLE]


BUSES: dict[str, Callable[[], AbstractContextManager[None]]] = {"kafka": kafka_bus}


def on_fresh_topics(measure: Measure) -> Measure:
    """The same measurement with topics of its own: what an earlier one left on the bus is not read."""

    def measured(stand: Stand) -> Figures:
        shared = os.environ[VARIABLE]
        os.environ[VARIABLE] = f"{shared}&prefix=bench{next(_numbers)}."
        try:
            return measure(stand)
        finally:
            os.environ[VARIABLE] = shared

    return measured


five_processes = on_fresh_topics(throughput.five_processes)
one_at_a_time = on_fresh_topics(latency.latency)
