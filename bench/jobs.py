"""The jobs of a run, and the promises: the bound of each figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.environment import buses
from bench.measurement import Measure
from bench.measurements import bus_messages, core_step, idle, latency, retries, takeover, throughput, woken

Bound = Literal["ratio >=", "ours >=", "ours <="]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, which Saga and, where there is one, the peer run in alternation."""

    name: str
    ours: Measure
    peer: str | None = None  # the peer's script and its arguments
    part: str = "throughput"
    counted: bool = False  # statements and round trips are counted, in runs of their own


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. `low` and `high` are in the row's unit, or factors if the bound is a ratio; without them the figure is only shown."""

    name: str
    job: str
    figure: str
    unit: str
    bound: Bound
    must: float | None = None
    aim: float | None = None

    def holds(self, value: float | None, ratio: float | None) -> bool:
        """Tells whether the promise is kept; a figure that was not measured does not keep it."""
        measured = ratio if self.bound == "ratio >=" else value
        if measured is None or self.must is None:
            return measured is not None
        return measured <= self.must if self.bound == "ours <=" else measured >= self.must


JOBS = (
    Job("one process", throughput.one_process, "dbos_steps", counted=True),
    Job("five processes", throughput.five_processes, "dbos_steps", counted=True),
    Job("compensation", throughput.compensation, "dbos_compensation", counted=True),
    Job("transactional", throughput.transactional, "dbos_transactions", counted=True),
    # The peer's transactions again: a datasource in another database of the same server makes the same commits.
    # the same commits.
    Job("journaled", throughput.journaled, "dbos_transactions", counted=True),
    Job("latency", latency.latency, "dbos_steps", part="latency"),
    Job("retries", retries.retries),
    Job("woken", woken.woken),
    Job("parked", retries.parked),
    Job("takeover", takeover.take_over),
    Job("core", core_step.core),
    Job("idle", idle.idle),
)

RATE, PER_SECOND = "sagas_per_second", "sagas/s"

# fmt: off
ROWS = (
    Row("five external steps, one process, starts included", "one process", RATE, PER_SECOND, "ratio >=", 25, 40),
    Row("five external steps, five processes, Postgres bus", "five processes", RATE, PER_SECOND, "ratio >=", 15, 30),
    Row("three steps, a rejection, three compensations", "compensation", RATE, PER_SECOND, "ratio >=", 15, 30),
    Row("five transactional steps, one insert each", "transactional", RATE, PER_SECOND, "ratio >=", 3, 5),
    Row("five journaled steps, databases of their own", "journaled", RATE, PER_SECOND, "ratio >=", 2, 4),
    Row("one saga at a time, p50", "latency", "single_p50_ms", "ms", "ours <=", 7, 5),
    Row("one saga at a time, p99", "latency", "single_p99_ms", "ms", "ours <=", 15, 10),
    Row("64 in flight, p99", "latency", "in_flight_64_p99_ms", "ms", "ours <=", 40, 25),
    Row("retries due at one instant", "retries", "dispatched_per_second", "dispatched/s", "ours >=", 8_000, 20_000),
    Row("timers due at one instant, beside retries", "woken", "timer_share", "x", "ours >=", 1, 1.2),
    Row("waits whose events are sent, beside retries", "woken", "wait_share", "x", "ours >=", 1, 1.2),
    Row("a saga that waits for an event", "parked", "parked_wait_kilobytes", "KB", "ours <=", 0.6, 0.5),
    Row("a saga between two attempts", "parked", "parked_kilobytes", "KB", "ours <=", 1.2, 0.7),
    Row("kill -9 with claims: a peer has the first done", "takeover", "take_over_seconds", "s", "ours <=", 1, 0.25),
    Row("the pure core, one step", "core", "core_us_per_step", "us", "ours <=", 15, 5),
    Row("the pure core, one step with a condition", "core", "core_condition_us_per_step", "us", "ours <=", 45, 15),
    Row("the same, beside a plain step", "core", "core_condition_times", "times", "ours <=", 3, 2),
    Row("idle for 30 s, each process", "idle", "idle_statements_per_second", "statements/s", "ours <=", 5, 2),
    Row("idle for 30 s, all together", "idle", "idle_core_percent", "% of a core", "ours <=", 1, 0.5),
)
# fmt: on

_ALL_BUSES = (
    Job("five processes", buses.five_processes, "dbos_steps"),
    Job("commands", bus_messages.commands),
)
BUS_JOBS = {
    "kafka": (*_ALL_BUSES, Job("latency", buses.one_at_a_time, "dbos_steps", part="latency")),
    "nats": (*_ALL_BUSES, Job("latency", buses.one_at_a_time, "dbos_steps", part="latency")),
    "kinesis": _ALL_BUSES,  # one saga at a time would measure the pauses between two reads of a shard, which are those of Kinesis
}
"""The rows of a run over an outside bus: `python -m bench --bus kafka`."""

# fmt: off
BUS_ROWS = {
    "kafka": (
        Row("five external steps, five processes, outside bus", "five processes", RATE, PER_SECOND, "ratio >=", 10, 20),
        Row("one saga at a time, p50", "latency", "single_p50_ms", "ms", "ours <=", 25, 12),
        Row("commands published and read, of the bare driver's", "commands", "share", "x", "ours >=", 0.5, 1),
    ),
    "nats": (
        Row("five external steps, five processes, outside bus", "five processes", RATE, PER_SECOND, "ratio >=", 10, 20),
        Row("one saga at a time, p50", "latency", "single_p50_ms", "ms", "ours <=", 25, 12),
        Row("commands published and read, of the bare driver's", "commands", "share", "x", "ours >=", 0.5, 1),
    ),
    "kinesis": (  # compared with the stand-in itself
        Row("five external steps, five processes, outside bus", "five processes", RATE, PER_SECOND, "ratio >="),
        Row("commands published and read", "commands", "ours_per_second", "commands/s", "ours >="),
        Row("the same by the bare client", "commands", "bare_per_second", "commands/s", "ours >="),
    ),
}
# fmt: on
