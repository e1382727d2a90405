"""A DBOS workflow of five no-op steps: throughput, starts included, and latency."""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS

from bench.peers import dbos_app
from bench.peers.trial import Trial

STEPS = 5


@DBOS.step()
def reserve() -> None: ...


@DBOS.step()
def charge() -> None: ...


@DBOS.step()
def label() -> None: ...


@DBOS.step()
def ship() -> None: ...


@DBOS.step()
def notify() -> None: ...


@DBOS.workflow()
def order() -> None:
    reserve()
    charge()
    label()
    ship()
    notify()


def launch(url: str, member: int, threads: int) -> Callable[[], object]:
    dbos_app.configure(url, member, threads)
    DBOS.launch()
    return order


def close() -> None:
    DBOS.destroy()


def verify(url: str, sagas: int) -> int:
    return dbos_app.verify(url, sagas=sagas, steps=STEPS)


TRIAL = Trial(__name__, STEPS, lambda url: None, verify)
