"""The inbox port: events that are sent to sagas, and kept until a wait consumes them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from saga.ports.store import Connection

COMPLETION_PREFIX: Final = "$"
"""The name of the event that completes an external step from outside is this and the step's name. No other event begins with it."""

EVENTS_MAX: Final = 1_000
"""Maximum number of events of a saga, consumed ones included. Senders that send at the same time may go a little beyond it."""
EVENTS_BYTES_MAX: Final = 16 * 1024 * 1024
"""The same for the bytes of their payloads."""


class InboxEvent(Struct, frozen=True):
    """An event that was sent to a saga. `event`: its id, chosen by the sender; an id counts once in a saga. `payload` is JSON."""

    event: str
    name: str
    payload: bytes


class KeptEvent(InboxEvent, frozen=True):
    """An event as the inbox has it. `at`: when it was sent, in seconds since the epoch. `step`: which has consumed it; None: none has."""

    at: float
    step: int | None


class Receipt(Enum):
    """The answer to an event that was sent."""

    KEPT = "it is in the inbox"
    REPEATED = "it was in the inbox already, the same"
    DIFFERENT = "its id is taken by an event with another name or payload"
    ENDED = "the saga has ended"
    NO_SAGA = "there is no such saga"
    FULL = "the saga has as many events as it may have"

    @property
    def is_kept(self) -> bool:
        """True if the event is in the inbox."""
        return self in {Receipt.KEPT, Receipt.REPEATED}


class Inbox(Protocol):
    """Keeps events until their saga is purged, consumed or not (G59). Commits consume them, see `Write.consumptions`.

    Raises:
        Unavailable: by every method; of a change, the outcome is unknown. Sending again with the same id is safe.
    """

    async def send(self, events: Sequence[tuple[UUID, InboxEvent]], *, connection: Connection = None) -> list[Receipt]:
        """Keeps events, each of its saga, durably and in one transaction. The caller then wakes the sagas, in a second one (G61).

        Returns a receipt for each. Of two with the same id of one saga, the first one counts. `EVENTS_MAX` and `EVENTS_BYTES_MAX` hold
        for a saga, but not for the completion of a step, nor among the events of one call.

        `connection`: take part in its transaction, which the sender has begun. Then `wake_overlooked` of any process wakes the sagas.

        Raises:
            UsageError: `connection` is not in a transaction of this store's database; nothing was written.
        """

    async def wake(self, sagas: Sequence[UUID]) -> None:
        """Makes due what is parked for the new events of sagas (G62), and notifies the processes of their services."""

    async def wake_overlooked(self) -> int:
        """Does the same for all sagas whose sender has not done it. Returns how many there were; at most 1,000 at once."""

    async def extend_timeouts(self, by_seconds: float) -> int:
        """Moves the timeouts that have passed and whose steps wait still: they are over after `by_seconds` from now. Returns how many.

        These are the timeouts of waits, and of steps that are completed from outside; timers stay as they are. It goes through all
        commands once, in short transactions, and passes over those whose rows are locked. If it fails, what it has moved stays moved.
        """

    async def first(self, asked: Sequence[tuple[UUID, Sequence[str]]]) -> list[InboxEvent | None]:
        """Finds, for each saga and names, the event that was sent first and that no step has consumed."""

    async def completion_key(self) -> bytes:
        """The key that makes the tokens of this installation: 32 bytes, always the same."""

    async def events(self, saga: UUID) -> list[KeptEvent]:
        """Reads all events of a saga in the order in which they were sent, for people."""
