"""All metrics. Tests compare the exporter, the reference page, the alert rules and the dashboard with this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FAST: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds, for durations of milliseconds to seconds."""
SLOW: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0)
"""Upper bounds in seconds, for durations of up to a day."""
SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Each label has few values; with `by_leader` only the leading process exports it, for the whole namespace."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    by_leader: bool = False


STARTED: Final = Metric("saga_started_total", "counter", "Sagas that this process has started.", ("definition",))
ENDED: Final = Metric(
    "saga_ended_total", "counter", "Sagas whose end this process has committed.", ("definition", "outcome")
)
DURATION: Final = Metric(
    "saga_duration_seconds", "histogram", "Time from the start of a saga to its end.", ("definition", "outcome"), SLOW
)
STEPS: Final = Metric(
    "saga_steps_total", "counter", "Attempts at steps, by outcome.",
    ("definition", "service", "operation", "outcome"),
)  # fmt: skip
STEP_DURATION: Final = Metric(
    "saga_step_duration_seconds", "histogram", "Duration of one attempt at a step, including its database.",
    ("definition", "service", "operation"), FAST,
)  # fmt: skip
REDRIVES: Final = Metric(
    "saga_redrives_total", "counter", "Commands that were dispatched again because no process was working on them.",
    ("service",),
)  # fmt: skip
ROLLBACKS: Final = Metric(
    "saga_rollbacks_total", "counter", "Rollbacks that have begun, by cause: deadline, rejected, failed or requested.",
    ("definition", "cause"),
)  # fmt: skip
QUARANTINED: Final = Metric(
    "saga_quarantined_total", "counter", "Steps that were quarantined for an operator.", ("definition", "service")
)
DEADLINE_LATENESS: Final = Metric(
    "saga_deadline_lateness_seconds",
    "histogram",
    "Time from the deadline of a saga to the start of its rollback.",
    (),
    FAST,
)
WAIT_LATENESS: Final = Metric(
    "saga_wait_lateness_seconds",
    "histogram",
    "Time from the moment of a timer, or the end of the time of a wait, to the commit that ends it.",
    (),
    FAST,
)
RELEASED: Final = Metric(
    "saga_claims_released_total",
    "counter",
    "Claims that this process has released because their process was dead or their lease was over.",
)
HELD: Final = Metric("saga_claims_held", "gauge", "Claims that this process holds, whether they run or wait.")
CAPACITY: Final = Metric("saga_claims_capacity", "gauge", "Maximum number of handlers that this process runs at once.")
HUNG: Final = Metric(
    "saga_hung_handlers",
    "gauge",
    "Synchronous handlers that go on in their threads after their attempts have ended.",
    ("service",),
)
COMMIT_SAGAS: Final = Metric(
    "saga_commit_sagas", "histogram", "Number of sagas in one commit of outcomes or starts.", ("batch",), SIZES
)
COMMIT_DURATION: Final = Metric(
    "saga_commit_duration_seconds",
    "histogram",
    "Duration of one commit of a batch: the round trip to the store.",
    ("batch",),
    FAST,
)
BUS_LAG: Final = Metric(
    "saga_bus_lag_seconds", "histogram", "Time from the publication of a command on an outside bus to its delivery.",
    ("service",), FAST,
)  # fmt: skip
LOOP_LAG: Final = Metric(
    "saga_event_loop_lag_seconds", "histogram", "How late the event loop runs what is due.", (), FAST
)
LOOP_BLOCKED: Final = Metric(
    "saga_event_loop_blocked_seconds_total",
    "counter",
    "Time for which the event loop stood still for a second or more, by the handler that it was in.",
    ("handler",),
)
STORE_SILENCE: Final = Metric(
    "saga_store_silence_seconds", "gauge", "Time since the store last answered a heartbeat of this process."
)
BUILD: Final = Metric("saga_build_info", "gauge", "Always 1; the label is the version of Saga.", ("version",))
LEADER: Final = Metric("saga_leader", "gauge", "1 if this supervisor leads, 0 if it stands by.")
TERM: Final = Metric("saga_leader_term", "gauge", "The present term: the number of the leadership.", by_leader=True)
SAGAS: Final = Metric(
    "saga_sagas", "gauge", "Sagas that have not ended, by phase.", ("definition", "phase"), by_leader=True
)
STUCK: Final = Metric(
    "saga_stuck_sagas", "gauge", "Sagas with a quarantined step, which wait for an operator.", ("definition",),
    by_leader=True,
)  # fmt: skip
WAITING: Final = Metric(
    "saga_waiting_commands", "gauge", "Parked commands that an event would wake, by the name of the event.", ("event",),
    by_leader=True,
)  # fmt: skip
SCAN_LAG: Final = Metric(
    "saga_scan_lag_seconds", "gauge", "How long the most overdue saga has been due for a redrive.", by_leader=True
)
DEADLINE_OVERDUE: Final = Metric(
    "saga_deadline_overdue_seconds", "gauge", "How long ago the oldest deadline passed that no process has acted on.",
    by_leader=True,
)  # fmt: skip
QUEUED: Final = Metric(
    "saga_queued_commands", "gauge", "Commands in the store that are due and not claimed.", ("service",),
    by_leader=True,
)  # fmt: skip
QUEUE_LAG: Final = Metric(
    "saga_queue_lag_seconds", "gauge", "How long the oldest due command has waited.", ("service",), by_leader=True
)
PROCESSES: Final = Metric(
    "saga_processes", "gauge", "Live processes of each service that running sagas need.", ("service",), by_leader=True
)
SURVEY_CUT: Final = Metric(
    "saga_survey_is_cut", "gauge", "1 if there are more sagas than are counted, so that the numbers are lower bounds.",
    by_leader=True,
)  # fmt: skip

METRICS: Final = (
    STARTED, ENDED, DURATION, STEPS, STEP_DURATION, REDRIVES, ROLLBACKS, QUARANTINED, DEADLINE_LATENESS, WAIT_LATENESS, RELEASED,
    HELD, CAPACITY, HUNG, COMMIT_SAGAS, COMMIT_DURATION, BUS_LAG, LOOP_LAG, LOOP_BLOCKED, STORE_SILENCE, BUILD, LEADER,
    TERM, SAGAS, STUCK, WAITING, SCAN_LAG, DEADLINE_OVERDUE, QUEUED, QUEUE_LAG, PROCESSES, SURVEY_CUT,
)  # fmt: skip
