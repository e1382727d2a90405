"""Samples a running system: the use of its processes and its server, and the backlog in its tables."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.instruments.server_cost import cpu_seconds

LOOK_SECONDS = 0.2
JOIN_SECONDS_MAX = 30.0
VACUUM = "autovacuum worker"

BACKLOG = "select count(*) from saga.saga where wake_at <= now()"
CALLS = "select calls, total_exec_time from pg_stat_statements where query like '%from overdue(%' and toplevel"
ALL_CALLS = "select sum(calls) from pg_stat_statements where toplevel"


@dataclass(slots=True)
class Sampler:
    """The samples. Times are seconds; a series has one entry per second."""

    postmaster: int
    processes: Mapping[str, int]
    backlog: list[int] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)  # since the sampling began
    query_ms: list[float] = field(
        default_factory=list
    )  # of the statement that finds overdue sagas, per sample: mostly one each
    queries: int = 0
    seconds: float = 0.0
    load: float = 0.0
    _first: dict[int, float] = field(default_factory=dict)
    _last: dict[int, float] = field(default_factory=dict)
    _vacuums: set[int] = field(default_factory=set)

    def core_percent(self, name: str) -> float:
        """The share of one core that the process of this name used."""
        return self._spent(self.processes[name]) / self.seconds * 100

    @property
    def server_core_percent(self) -> float:
        return sum(self._spent(pid) for pid in self._last if pid not in self.processes.values()) / self.seconds * 100

    @property
    def vacuum_core_percent(self) -> float:
        return sum(map(self._spent, self._vacuums)) / self.seconds * 100

    def megabytes(self, name: str) -> float:
        """The resident memory of a process, now."""
        status = Path(f"/proc/{self.processes[name]}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def _spent(self, pid: int) -> float:
        return self._last[pid] - self._first[pid]

    def sample(self, *, is_first: bool) -> None:
        """Samples the processor time of each process; one that appeared after the first sample counts from zero."""
        for pid in (*self.processes.values(), *_children(self.postmaster)):
            now = cpu_seconds(pid)
            if pid not in self._first:
                self._first[pid] = now if is_first else 0.0
                if VACUUM in _title(pid):
                    self._vacuums.add(pid)
            self._last[pid] = max(now, self._last.get(pid, 0.0))


@contextmanager
def sampling(url: str, postmaster: int, processes: Mapping[str, int]) -> Iterator[Sampler]:
    """Samples for the length of the block. The sampling itself runs some five counts a second, which are part of the samples."""
    sampler, is_over = Sampler(postmaster, processes), threading.Event()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_stat_statements_reset()")
        sampler.sample(is_first=True)
        began = time.monotonic()
        thread = threading.Thread(target=_sample, args=(sampler, connection, is_over))
        thread.start()
        try:
            yield sampler
        finally:
            is_over.set()
            thread.join(JOIN_SECONDS_MAX)
            sampler.sample(is_first=False)
            sampler.seconds, sampler.load = time.monotonic() - began, os.getloadavg()[0]


def _sample(sampler: Sampler, connection: psycopg.Connection[tuple[object, ...]], is_over: threading.Event) -> None:
    calls, total_ms, second_at = 0, 0.0, time.monotonic()
    while not is_over.wait(LOOK_SECONDS):
        sampler.sample(is_first=False)
        rows = connection.execute(CALLS).fetchall()
        now_calls, now_ms = sum(int(str(row[0])) for row in rows), sum(float(str(row[1])) for row in rows)
        if now_calls > calls:
            sampler.query_ms.append((now_ms - total_ms) / (now_calls - calls))
        sampler.queries = calls = now_calls
        total_ms = now_ms
        if time.monotonic() >= second_at:
            second_at += 1
            sampler.backlog.append(_number(connection, BACKLOG))
            sampler.statements.append(_number(connection, ALL_CALLS))


def _number(connection: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return 0 if row is None else int(str(row[0]))


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
