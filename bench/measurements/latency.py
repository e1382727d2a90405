"""The time from the call of `start` until the client knows the end: five service processes, commands through PostgreSQL."""

from __future__ import annotations

from bench.environment.client import Tally, Window
from bench.instruments import recorded_sagas
from bench.measurement import Figures, Setup
from bench.measurements.throughput import SECONDS_MAX, five_services
from bench.peers.trial import percentile

SINGLE_SAGAS = 300
WARM_SAGAS = 50
IN_FLIGHT = 64


def latency(setup: Setup) -> Figures:
    """`single_p50_ms`, `single_p99_ms`, `in_flight_64_p99_ms`."""
    with five_services(setup) as (_, client):
        windows = (
            Window(IN_FLIGHT, SECONDS_MAX, WARM_SAGAS * IN_FLIGHT // 8),
            Window(1, SECONDS_MAX, WARM_SAGAS),
            Window(1, SECONDS_MAX, SINGLE_SAGAS),
            Window(IN_FLIGHT, setup.seconds),
        )
        tallies: list[Tally] = [client.ask(window) for window in windows]
        recorded_sagas.verify(setup.url, sum(tally.sagas for tally in tallies), recorded_sagas.COMPLETED)
    single, loaded = tallies[2].latencies_ms, tallies[3].latencies_ms
    return {
        "single_p50_ms": percentile(single, 0.5),
        "single_p99_ms": percentile(single, 0.99),
        "in_flight_64_p50_ms": percentile(loaded, 0.5),
        "in_flight_64_p99_ms": percentile(loaded, 0.99),
    }
