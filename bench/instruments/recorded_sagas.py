"""Checks the tables after a run: every saga ended as it should, and the outcome of every step is recorded."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from bench.instruments.number import number
from bench.measurement import NotMeasured

ENDED = "select count(*) from saga.saga where phase = %s and vector = %s and ended_at is not null"
RECORDED_END = "select count(distinct saga) from saga.event where kind = %s"
# The steps that have happened, each with its result.
RECORDED = (
    "select count(*) from saga.step s join saga.saga on saga.id = s.saga where s.step < %s and s.result is not null"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end that each saga of a job must have: phase, one letter for each step, and how many steps succeeded on the way."""

    phase: str
    vector: str
    succeeded: int
    history_kind: str


COMPLETED = Ending("D", "SSSSS", 5, "completed")
ROLLED_BACK = Ending("Z", "ZZZR", 3, "compensated")


def verify(url: str, sagas: int, ending: Ending) -> None:
    """Checks the store's tables.

    Raises:
        NotMeasured: they do not agree with the measurement, so the figure would be wrong.
    """
    with psycopg.connect(url) as connection:
        total = number(connection, "select count(*) from saga.saga")
        ended = number(connection, ENDED, ending.phase, ending.vector)
        recorded_ends = number(connection, RECORDED_END, ending.history_kind)
        recorded = number(connection, RECORDED, ending.succeeded)
        commands = number(connection, "select count(*) from saga.command")
    if not total == ended == recorded_ends == sagas or recorded != sagas * ending.succeeded or commands:
        raise NotMeasured(
            f"of {sagas} sagas {total} are there, {ended} ended as {ending.phase} {ending.vector}, {recorded_ends} have it in their "
            f"history, {recorded} results of {sagas * ending.succeeded} are recorded, {commands} commands are left"
        )


def verify_effects(url: str, expected: int, table: str = "effect") -> None:
    """Checks that each insert of the steps is there, once."""
    with psycopg.connect(url) as connection:
        found = number(connection, f"select count(*) from {table}")  # noqa: S608 (a constant of the caller)
    if found != expected:
        raise NotMeasured(f"{expected} rows should be in {table}, {found} are")
