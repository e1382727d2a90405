"""Two candidates, each on a way of its own to the servers, and what may happen to the one that leads.

Each fault returns after how many seconds another one led, counted from when it was done.
"""

from __future__ import annotations

import contextlib
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from tests.election.arena import Arena, Candidate
from tests.election.ground import Ground
from tests.runtime.world import until
from tests.services.proxy import Proxy

KNOWS_SECONDS = 0.5  # a process that goes on after a stop may wait for the processor
STOPPED_TTLS = 3


class Contest:
    """An arena in which two campaign at any time."""

    def __init__(self, ground: Ground, arena: Arena, namespace: str, ways: contextlib.ExitStack) -> None:
        self.ground = ground
        self.arena = arena
        self.namespace = namespace
        self._ways: dict[str, Sequence[Proxy]] = {}
        self._stack = ways

    async def enter(self) -> Candidate:
        url, proxies = self._stack.enter_context(self.ground.proxied())
        candidate = await self.arena.enter(url)
        self._ways[candidate.name] = proxies
        return candidate

    async def killed(self) -> float:
        leader, _ = await self.arena.leader()
        at = leader.kill()
        seconds = await self._succession(leader, at)
        await self.enter()
        return seconds

    async def resigned(self) -> float:
        leader, _ = await self.arena.leader()
        at = leader.send(signal.SIGTERM)
        seconds = await self._succession(leader, at)
        await leader.ended()
        await self.enter()
        return seconds

    async def stopped(self) -> float:
        """Suspended for three times its ttl; then it goes on, knows at once that it leads no more, and has done nothing."""
        leader, _ = await self.arena.leader()
        at = leader.send(signal.SIGSTOP)
        seconds = await self._succession(leader, at)
        await until(lambda: time.monotonic() > at + STOPPED_TTLS * self.ground.ttl_seconds, "it was stopped for long")
        goes_on_at = leader.send(signal.SIGCONT)
        knows = await until(lambda: leader.has_said("over", goes_on_at), "it knows", seconds=5)
        assert knows < KNOWS_SECONDS
        assert not leader.has_said("acts", goes_on_at)
        return seconds

    async def black_holed(self) -> float:
        """Its packets vanish, in both directions, and no connection ends. It knows by its own clock."""
        leader, _ = await self.arena.leader()
        for proxy in self._ways[leader.name]:
            proxy.hold()
        at = time.monotonic()
        seconds = await self._succession(leader, at)
        assert leader.has_said("over", at)  # before the other one led: the history says so
        for proxy in self._ways[leader.name]:
            proxy.cut()
            proxy.heal()
        return seconds

    async def robbed(self) -> float:
        """The servers end its session for no reason that it could know."""
        leader, _ = await self.arena.leader()
        at = time.monotonic()
        await self.ground.end_session(self.namespace)
        return await self._succession(leader, at)

    async def servers_crashed(self) -> float:
        """Every server is killed and starts again: somebody leads after it, the same or another."""
        await self.arena.leader()
        self.ground.crash()
        at = time.monotonic()
        await until(
            lambda: any(one.has_said("leads", at) for one in self.arena.candidates), "one leads again", seconds=30
        )
        return time.monotonic() - at

    async def _succession(self, leader: Candidate, at: float) -> float:
        _, first = await self.arena.leader(other_than=leader, since=at)
        return first.at - at


FAULTS: dict[str, Callable[[Contest], Awaitable[float]]] = {
    "kill -9": Contest.killed,
    "SIGSTOP": Contest.stopped,
    "black hole": Contest.black_holed,
    "resignation": Contest.resigned,
    "session ended": Contest.robbed,
    "servers killed and started": Contest.servers_crashed,
}


@contextlib.asynccontextmanager
async def contest(ground: Ground, folder: Path, candidates: int = 2) -> AsyncIterator[Contest]:
    """Candidates that campaign. At the end their history is judged."""
    namespace = ground.namespace or f"test_{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as ways:
        async with Arena(folder, namespace) as arena:
            made = Contest(ground, arena, namespace, ways)
            for _ in range(candidates):
                await made.enter()
            yield made
