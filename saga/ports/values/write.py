"""The write of one saga in a commit, and the conflict that is returned if it was not made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.definition.retry_policy import FAILURES_COUNTED_MAX
from saga.core.rules.decision import HistoryEntry
from saga.core.state.operation import Operation
from saga.core.state.saga_state import State
from saga.ports.values.audit import Audit


class Dispatch(Struct):
    """A command row to be written: claimed by the process `owner` under number `claim`, or in the queue of `service`."""

    step: int
    operation: Operation
    service: str
    owner: int | None
    claim: int | None
    after_seconds: float


PARKED_SECONDS: Final = 1e9
"""A command with a delay of this length or more is parked until an operator acts."""


COUNT_MAX: Final = FAILURES_COUNTED_MAX
"""Maximum number of deliveries, failures or isolated attempts that a store counts. From there on the counter stays as it is."""
CUT_OFF: Final = -1
"""Instead of a number of failures: the attempt was begun and cut off by its process, perhaps because of what it did."""


class Delay(Struct):
    """A claim that ends without an outcome; the command is due again in `after_seconds`. Only the newest claim can write it.

    `quiet_seconds`: how long a call of the claim may still arrive. `failures` and `isolated_attempts` replace the counts. With the
    same `failures` as before, the delivery does not count; CUT_OFF leaves them as they are, and the delivery counts.
    A delivery that does not count and has an `error` has not begun (G136). After any other, `Claim.quiet_at` is at least the present.
    """

    step: int
    claim: int
    after_seconds: float
    quiet_seconds: float
    failures: int
    error: str | None
    isolated_attempts: int = 0


class Drop(Struct):
    """A command row to be deleted; with a claim, only if that claim still holds it."""

    step: int
    claim: int | None


class Parking(Struct):
    """The moment or the events, or both, for which a command waits. Kept with its row, and shown to people.

    `seconds`: until that moment, counted from the commit; None: there is none. `names`: of the events of its saga that wake it. With
    `is_kept`, a moment that is stored already stays as it is (G64). A command that is delayed by the same write looks into the inbox
    once more, with its row locked: it is due at once if an event is there (G60).
    """

    step: int
    seconds: float | None = None
    names: Sequence[str] = ()
    is_kept: bool = True


class Consumption(Struct):
    """An event of the inbox that becomes the outcome of a step. If another step has consumed it, the whole write is a conflict (G55)."""

    step: int
    event: str


class Result(Struct):
    """The result of a step to be recorded, as JSON."""

    step: int
    attempts: int
    value: bytes | None


class Write(Struct):
    """The decision about one saga. It is written as a whole if `version` is still the saga's (G4), or not at all.

    `changed`: whether the row of the saga changes. `wake_seconds`: when the saga is redriven next; None leaves it as it is.
    `fences`: steps with the number that their command's newest claim must have, else the whole write is a conflict: the claim from
    which a rejection comes (G27), or None for a command that no process may ever have claimed (G135).
    `parkings`: what its engine commands wait for; those that it dispatches have a row of the store on every bus.
    `audits`: the actions of operators that this write carries out; they are recorded with it or not at all.
    `is_new`: a hint, see `saga.ports.store`.
    """

    saga: UUID
    version: int
    changed: bool
    state: State
    wake_seconds: float | None = None
    is_deadline_moved: bool = False
    fences: list[tuple[int, int | None]] = []
    drops: list[Drop] = []
    delays: list[Delay] = []
    dispatches: list[Dispatch] = []
    results: list[Result] = []
    parkings: Sequence[Parking] = ()
    consumptions: Sequence[Consumption] = ()
    entries: Sequence[HistoryEntry] = ()
    audits: Sequence[Audit] = ()
    is_new: bool = False


class WriteConflict(Struct, frozen=True):
    """A write that was not made: the saga has changed, is locked, or the claim is not the newest.

    `position`: its place among the writes. `state`: the state of the saga now; None if the saga is gone. `is_event_gone`: an event
    that it was to consume is not there any more.
    """

    position: int
    version: int
    state: State | None
    store_clock: float
    is_event_gone: bool = False
