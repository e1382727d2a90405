"""What came of a claim."""

from __future__ import annotations

from msgspec import Struct

from saga.core.rules.events import Event
from saga.ports.values.claim import Claim


class Outcome(Struct):
    """The end of a claim.

    `event` None gives the claim back unrun. `value` is the step's result as JSON. `is_fenced`: it counts only from the newest claim (G27).
    `quiet_seconds`: so long a call of this claim may still be on its way (G25).
    """

    claim: Claim
    event: Event | None
    value: bytes | None = None
    is_fenced: bool = False
    quiet_seconds: float = 0.0
    error: str | None = None
