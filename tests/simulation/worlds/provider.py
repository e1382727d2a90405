"""The API of a provider. It honours idempotency keys, answers late or not at all, and does not remember what it declined."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from saga.runtime.handlers.answers import DidNotHappen, Reject
from saga.testing.clocks.virtual_loop import OUTSIDE, VirtualLoop
from tests.simulation.seeds.chance import CRASH, DELAY, FROZEN, REJECTION, Chance, Drawn, Menu
from tests.simulation.worlds.observer import Observer

LATE_PART: Final = 0.9  # of timeout + margin: no request is executed later than that after it was sent
TRAVEL_SECONDS: Final = 0.004
SILENCE_SECONDS: Final = 10.0
STUCK_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `place` is its name in the schedule."""

    saga: UUID
    step: int
    key: str
    place: str
    timeout_seconds: float


class Provider:
    """Executes a request at most `margin_seconds` after its timeout, as the protocol assumes."""

    def __init__(
        self,
        loop: VirtualLoop,
        chance: Chance,
        observer: Observer,
        strike: Callable[[str, float], Awaitable[None]],
        margin_seconds: float,
    ) -> None:
        self._loop = loop
        self._strike = strike  # kill or freeze the machine that calls
        self._chance = chance
        self._observer = observer
        self._margin_seconds = margin_seconds
        self._executed: dict[str, str] = {}
        self._undone: set[str] = set()

    async def execute(self, call: Call, result: str, menu: Menu) -> str:
        """Charges, once for each key."""
        drawn = self._chance.draw(call.place, menu)
        self._observer.record(f"{call.place}: called{_words(drawn)}")
        answered = self._observer.called(call.saga, call.step, self._latest(call))
        answer = self._loop.ask(self._execute(call, result, drawn))
        if drawn is not None and drawn.kind in (CRASH, FROZEN):
            await self._strike(drawn.kind, drawn.share)
        try:
            found = await answer
        except Reject:
            answered()
            raise
        answered()
        return found

    async def undo(self, call: Call, menu: Menu) -> None:
        """Refunds, once for each key."""
        drawn = self._chance.draw(call.place, menu)
        self._observer.record(f"{call.place}: called{_words(drawn)}")
        answered = self._observer.called(call.saga, call.step, self._latest(call))
        answer = self._loop.ask(self._undo(call, drawn))
        if drawn is not None and drawn.kind in (CRASH, FROZEN):
            await self._strike(drawn.kind, drawn.share)
        await answer
        answered()

    async def probe(self, call: Call, menu: Menu) -> str:
        """Returns the outcome of a key."""
        drawn = self._chance.draw(call.place, menu)
        found = await self._loop.ask(self._look(call))
        if drawn is not None:
            raise ConnectionResetError("the answer of the probe was lost")
        self._observer.record(f"{call.place}: {'it happened' if found else 'no trace'}")
        if found is None:
            raise DidNotHappen
        return found

    async def _execute(self, call: Call, result: str, drawn: Drawn | None) -> str:
        await self._arrive(call, drawn, lambda: self._land(call, result))
        if drawn is not None and drawn.kind == REJECTION and call.key not in self._executed:
            await asyncio.sleep(TRAVEL_SECONDS)
            raise Reject("declined")
        self._land(call, result)
        await self._answer(drawn)
        return self._executed[call.key]

    async def _undo(self, call: Call, drawn: Drawn | None) -> None:
        await self._arrive(call, drawn, lambda: self._land_undo(call))
        self._land_undo(call)
        await self._answer(drawn)

    async def _look(self, call: Call) -> str | None:
        await asyncio.sleep(TRAVEL_SECONDS)
        found = self._executed.get(call.key)
        await asyncio.sleep(TRAVEL_SECONDS)
        return found

    async def _arrive(self, call: Call, drawn: Drawn | None, land: Callable[[], None]) -> None:
        """The way of a request to the provider. A stuck request is executed after its caller has given up, or never."""
        await asyncio.sleep(TRAVEL_SECONDS)
        if drawn is None:
            return
        latest = self._latest(call)
        if drawn.kind == DELAY:
            self._loop.call_later(drawn.share * latest, land, context=OUTSIDE.copy())
        if (
            drawn.kind in (CRASH, FROZEN) and drawn.share > STUCK_SHARE
        ):  # nobody is there to give it up, and it is stuck
            await asyncio.sleep(drawn.share * latest)
        if drawn.what in ("away", "stuck, connection lost"):
            raise ConnectionResetError("the connection was lost")
        if drawn.what in ("silent", "stuck"):
            await asyncio.sleep(SILENCE_SECONDS)
            raise ConnectionResetError("nobody waits any more")

    def _latest(self, call: Call) -> float:
        return (call.timeout_seconds + self._margin_seconds) * LATE_PART

    async def _answer(self, drawn: Drawn | None) -> None:
        await asyncio.sleep(TRAVEL_SECONDS)
        if drawn is not None and drawn.what == "answer lost":
            raise ConnectionResetError("the answer was lost")
        if drawn is not None and drawn.what == "answer late":
            await asyncio.sleep(SILENCE_SECONDS)

    def _land(self, call: Call, result: str) -> None:
        if call.key not in self._executed:
            self._executed[call.key] = result
            self._observer.effect(call.saga, call.step)

    def _land_undo(self, call: Call) -> None:
        if call.key not in self._undone:
            self._undone.add(call.key)
            self._observer.undo(call.saga, call.step)


def _words(drawn: Drawn | None) -> str:
    return "" if drawn is None else f" ({drawn.what})"
