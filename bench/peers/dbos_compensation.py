"""A DBOS workflow that is rolled back: three steps, a rejection, three compensations.

DBOS has no compensations of its own. This is the pattern its users write: the workflow catches
the error of a step and calls the undoing steps, last one first. The result is returned rather
than raised: an error would be pickled with its traceback, which is slower.
"""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS

from bench.peers import dbos_app
from bench.peers.trial import Trial

# Three that succeed, the rejected one, and three compensations; each leaves an outcome.
STEPS = 7


class Rejected(Exception):
    """A business rejection."""


@DBOS.step()
def reserve() -> None: ...


@DBOS.step()
def charge() -> None: ...


@DBOS.step()
def label() -> None: ...


@DBOS.step()
def ship() -> None:
    raise Rejected("no such address")


@DBOS.step()
def release() -> None: ...


@DBOS.step()
def refund() -> None: ...


@DBOS.step()
def void() -> None: ...


@DBOS.workflow()
def order() -> str:
    undo: list[Callable[[], None]] = []
    try:
        reserve()
        undo.append(release)
        charge()
        undo.append(refund)
        label()
        undo.append(void)
        ship()
    except Rejected as rejection:
        for compensation in reversed(undo):
            compensation()
        return f"rolled back: {rejection}"
    return "completed"


def launch(url: str, member: int, threads: int) -> Callable[[], object]:
    dbos_app.configure(url, member, threads)
    DBOS.launch()
    return order


def close() -> None:
    DBOS.destroy()


def verify(url: str, sagas: int) -> int:
    return dbos_app.verify(url, sagas=sagas, steps=STEPS, rejected=1)


TRIAL = Trial(__name__, STEPS, lambda url: None, verify)
