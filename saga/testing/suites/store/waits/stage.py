"""Sagas that wait, and senders, for the tests of waits."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from saga.core.definition.step import Wait
from saga.core.state.phase import Phase
from saga.ports.inbox import InboxEvent, Receipt
from saga.ports.values.claim import Claim
from saga.ports.values.start import Start
from saga.ports.values.write import Consumption, Delay, Drop, Parking, Write
from saga.testing.suites.store.stage import (
    SERVICE,
    StageProcess,
    StoreStage,
    graph,
    moved,
)

LATER_SECONDS: Final = 3_600.0
REVIEW: Final = InboxEvent("r-1", "review", b'{"ok":true}')
SECOND_REVIEW: Final = InboxEvent("r-2", "review", b'{"ok":false}')
CANCEL: Final = InboxEvent("c-1", "cancelled", b"null")


def wait(name: str = "reviewed", *names: str) -> Wait:
    return Wait(
        name=name, names=names or ("review",), wait_ms=None, after=(), service=SERVICE, pivot=False, retriable=False
    )


def parked(claim: Claim, *names: str, seconds: float | None = None, is_kept: bool = True) -> Write:
    """A write that ends a claim without an outcome: its command waits for these events, or for the moment."""
    delay = Delay(claim.step, claim.number, LATER_SECONDS, 0.0, claim.failures, None)
    parking = Parking(claim.step, seconds, names, is_kept)
    write = Write(claim.saga, claim.version, changed=False, state=claim.state)
    return replace(write, delays=[delay], parkings=[parking])


def consumed(start: Start, event: InboxEvent, *, version: int = 1, step: int = 0) -> Write:
    """A write that ends the saga with an event as the outcome of its wait."""
    write = moved(start, "S" * len(start.state.vector), Phase.COMPLETED, version=version)
    return replace(write, drops=[Drop(step, None)], consumptions=[Consumption(step, event.event)])


class WaitStage(StoreStage):
    """Sagas that wait, and senders."""

    async def waiting(self, process: StageProcess, *names: str) -> Start:
        """A saga whose wait is parked for these events, by default for a review."""
        start = await self.started(process, definition=graph(wait("reviewed", *names), name="waiting"))
        assert await process.commit(parked(await process.poll_one(), *(names or ("review",)))) == []
        return start

    async def send(self, process: StageProcess, start: Start, event: InboxEvent = REVIEW) -> None:
        """Sends an event as a sender does that is not cut off."""
        assert await process.adapter.inbox.send([(start.saga, event)]) == [Receipt.KEPT]
        await process.adapter.inbox.wake([start.saga])

    async def takers(self, process: StageProcess, start: Start) -> dict[str, int | None]:
        """The steps that have consumed the events of a saga, by the ids of the events."""
        return {event.event: event.step for event in await process.adapter.inbox.events(start.saga)}
