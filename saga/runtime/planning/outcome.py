"""The outcome of a claim."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from saga.core.rules.events import Event
from saga.ports.values.claim import Claim
from saga.ports.values.write import Parking

NOT_BEGUN: Final = "given back before it began"
"""The error of a claim that is given back and of which nothing has begun (G136)."""


class Outcome(Struct):
    """The result of running a claim, for the committer.

    `event` None gives the claim back without having run it; with an `error`, such as NOT_BEGUN, nothing of it has begun. `value` is the
    step's result as JSON. `is_fenced`: it counts only if the claim is the newest of its command (G27). `quiet_seconds`: how long a
    call of this claim may still be on its way (G25). `traceback`: of a failure, for the log. `is_cut_off`: the attempt was begun, so
    that its delivery counts although it has no event. `next_process`: the process that gets the command at once, instead of its queue.
    `first`: an event that is decided together with `event`, before it. `consumes`: the id of the event of the inbox that it is;
    `parking`: what its command waits for, if it goes on waiting.
    """

    claim: Claim
    event: Event | None
    value: bytes | None = None
    is_fenced: bool = False
    quiet_seconds: float = 0.0
    error: str | None = None
    traceback: str | None = None
    is_cut_off: bool = False
    next_process: int | None = None
    first: Event | None = None
    consumes: str | None = None
    parking: Parking | None = None
