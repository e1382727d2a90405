"""Reads what a window of work cost the server: processor time, bytes, transactions, WAL.

Everything is read from outside the code under test (/proc and Postgres' own counters), so that
both sides are measured by the same ruler.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.instruments.number import number

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# Every relation of the database that is not Postgres' own, with its indexes and TOAST.
BYTES = """
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
"""
UNLOGGED = "select count(*) from pg_class where relpersistence = 'u'"


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment; only differences of two readings mean something."""

    server_cpu_seconds: dict[int, float]
    machine_cpu_seconds: float
    at_seconds: float
    table_bytes: int
    wal_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The difference between two readings."""

    server_cpu_seconds: float
    machine_cpu_seconds: float
    seconds: float
    table_bytes: int
    wal_bytes: int

    def strangers_share(self, own_cpu_seconds: float) -> float:
        """The share of the machine that neither the code under test nor its server used.

        A window in which other processes were busy is not comparable with one in which they were not.
        """
        strangers = self.machine_cpu_seconds - self.server_cpu_seconds - own_cpu_seconds
        return max(0.0, strangers) / (self.seconds * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Work:
    """The work of the code under test in a window, and the processor time of its processes."""

    sagas: int
    steps_per_saga: int
    seconds: float  # from the first start to the last end
    cpu_seconds: float


def read(url: str) -> Reading:
    """Reads the counters of the server and the database behind this URL.

    The server must run on this machine: its processes are read from /proc.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if number(connection, UNLOGGED):
            raise RuntimeError("an unlogged table: its writes would not be durable")
        pids = connection.execute("select pid from pg_stat_activity").fetchall()
        own = connection.info.backend_pid
        seconds = {pid: cpu_seconds(pid) for (pid,) in pids if pid != own}
        wal = number(connection, "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
        return Reading(seconds, machine_cpu_seconds(), time.monotonic(), number(connection, BYTES), wal)


def cost(before: Reading, after: Reading) -> Cost:
    """Subtracts an earlier reading.

    A backend that started in between counts from zero. A backend that *ended* in between is lost, so both sides keep
    their connections open until the second reading has been taken.
    """
    spent = sum(seconds - before.server_cpu_seconds.get(pid, 0.0) for pid, seconds in after.server_cpu_seconds.items())
    return Cost(
        server_cpu_seconds=spent,
        machine_cpu_seconds=after.machine_cpu_seconds - before.machine_cpu_seconds,
        seconds=after.at_seconds - before.at_seconds,
        table_bytes=after.table_bytes - before.table_bytes,
        wal_bytes=after.wal_bytes - before.wal_bytes,
    )


def figures(work: Work, spent: Cost) -> dict[str, float]:
    """Divides the cost of a window by its work; the names are those of `bench.measurement`."""
    steps = work.sagas * work.steps_per_saga
    return {
        "sagas": work.sagas,
        "steps_per_saga": work.steps_per_saga,
        "sagas_per_second": work.sagas / work.seconds,
        "client_cpu_us_per_step": work.cpu_seconds / steps * 1e6,
        "server_cpu_us_per_step": spent.server_cpu_seconds / steps * 1e6,
        "table_bytes_per_saga": spent.table_bytes / work.sagas,
        "wal_bytes_per_saga": spent.wal_bytes / work.sagas,
        "strangers_share": spent.strangers_share(work.cpu_seconds),
    }


def machine_cpu_seconds() -> float:
    """The user and system time of everything on this machine since it started."""
    # cpu user nice system idle iowait irq softirq steal ...
    total = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, total[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND


def cpu_seconds(pid: int) -> float:
    """The user and system time of one process so far; 0 if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # The name (field 2) may contain blanks and brackets: count from its last bracket.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
