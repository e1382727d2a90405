"""DBOS Transact at its best: how it is configured, and how its tables are read afterwards.

What was tried (3.4.0, five no-op steps, 2 processes of 2 threads, two shared cores, so +-10 %):

| tried | sagas/s | kept |
| --- | --- | --- |
| all defaults (the pool pings before each use) | 130 | |
| `pool_pre_ping=False` | 165 | yes |
| and `pool_use_lifo=True`: the warmest connection first | 185 | yes |
| and `pool_reset_on_return=None` | as before | no, nothing gained |
| and a pool without a spare connection | 160 | no |
| and JSON instead of pickle for values | as before | no |
| `use_listen_notify=False` | 125 | no, it polls |
| no prepared statements (`prepare_threshold=None`) | 120 | no |
| `start_workflow(...).get_result()` instead of a direct call | 125 | no, one more thread hop |
| async workflows and steps on one event loop | 88 | no, each record is a thread hop |

A queue (`enqueue_workflow`) adds a status update and a poll to each workflow; it was not run.
DBOS has no server of its own to switch off: the admin server went with 3.0.
"""

from __future__ import annotations

import psycopg
from dbos import DBOS, DBOSConfig

from bench.instruments.number import number

# Connections for DBOS's work beside the workflows: listener, notifier, queue and scheduler.
SPARE_CONNECTIONS = 6

ENDED = "select count(*) from dbos.workflow_status where status = 'SUCCESS'"
STORED = "select count(*) from dbos.workflow_output where output is not null and error is null"
# A workflow counts only if all of its steps are recorded, with the right number of failures.
COMPLETE = """
select count(*) from (
    select count(*) as steps, count(error) as rejected
    from dbos.operation_outputs
    group by workflow_uuid
) as saga
where steps = %s and rejected = %s
"""


class NotRecorded(RuntimeError):
    """The peer's tables do not agree with the measurement, so the figure would be wrong."""


def configure(url: str, member: int, threads: int) -> None:
    """Creates this process's DBOS; the caller registers its functions and then launches it."""
    config: DBOSConfig = {
        "name": "saga-bench",
        "system_database_url": url,
        "sys_db_pool_size": threads + SPARE_CONNECTIONS,
        "db_engine_kwargs": {"pool_pre_ping": False, "pool_use_lifo": True},
        # Otherwise each process would "recover" the running workflows of the other.
        "executor_id": f"bench-{member}",
        "application_version": "bench",
        "log_level": "ERROR",
        "enable_otlp": False,
    }
    DBOS(config=config)


def verify(url: str, *, sagas: int, steps: int, rejected: int = 0) -> int:
    """Checks that every workflow ended and every step's outcome is recorded.

    Returns:
        The number of step outcomes found.

    Raises:
        NotRecorded: an outcome is missing, or there are more than were run.
    """
    with psycopg.connect(url) as connection:
        total = number(connection, "select count(*) from dbos.workflow_status")
        ended, stored = number(connection, ENDED), number(connection, STORED)
        complete = number(connection, COMPLETE, steps, rejected)
        outcomes = number(connection, "select count(*) from dbos.operation_outputs")
    if not ended == stored == total == complete == sagas or outcomes != sagas * steps:
        raise NotRecorded(
            f"of {sagas} sagas {total} have a row, {ended} succeeded, {stored} stored a result, "
            f"{complete} have all {steps} steps ({outcomes} outcomes)"
        )
    return outcomes
