"""Our side of every job: the seam between the harness and the runtime.

Each function takes a `Stand` and returns figures by name. Those that run sagas read `bench.gauge`
before and after the window, with all connections open, and return `gauge.figures` of the two;
before that they check that every step of every saga has its outcome recorded. With `stand.count`
they run exactly so many sagas, and no others. One that cannot measure yet raises `NotMeasured`;
its rows then do not hold.

The released defaults apply: validation in and out, history, claims, logs at INFO.
"""

from __future__ import annotations

from bench import core_step
from bench.stand import Figures, NotMeasured, Stand


def one_process(stand: Stand) -> Figures:
    """Five external steps, one process, in-process hand-over, starts included."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def five_processes(stand: Stand) -> Figures:
    """Five external steps, a process for each service and one for the client, Postgres bus."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def compensation(stand: Stand) -> Figures:
    """Three steps succeed, the fourth rejects, three compensations; `steps_per_saga` is 7."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def transactional(stand: Stand) -> Figures:
    """Five transactional steps, one insert each."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def journaled(stand: Stand) -> Figures:
    """Five journaled steps, one insert each, in service databases of their own."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def latency(stand: Stand) -> Figures:
    """`single_p50_ms`, `single_p99_ms`, `in_flight_64_p99_ms`: five processes, Postgres bus."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def retries(stand: Stand) -> Figures:
    """`dispatched_per_second` of retries that are all due at one instant."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def parked(stand: Stand) -> Figures:
    """`parked_kilobytes` (of 1,000 bytes): a saga between two attempts, tables and indexes."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def take_over(stand: Stand) -> Figures:
    """`take_over_seconds` from kill -9 of a participant with claims to the first of them done by a peer."""
    raise NotMeasured("not measured yet: the participant runtime is not there")


def core(stand: Stand) -> Figures:
    """`core_us_per_step` of the pure core: its decisions, and nothing else."""
    return core_step.measure()


def idle(stand: Stand) -> Figures:
    """`idle_statements_per_second` of each process and `idle_core_percent` of all, for 30 s."""
    raise NotMeasured("not measured yet: the participant runtime is not there")
