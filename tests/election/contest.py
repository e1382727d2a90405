"""Two candidates, each with its own proxies to the servers, and faults of the one that leads.

Each fault returns the seconds from the fault until another candidate led.
"""

from __future__ import annotations

import contextlib
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from tests.election.arena import Arena, Candidate
from tests.election.election_servers import ElectionServers
from tests.runtime.world import until
from tests.services.proxy import Proxy

NOTICE_SECONDS = 0.5  # a process that continues after a stop may wait for the processor
STOPPED_TTLS = 3


class Contest:
    """An arena in which two candidates campaign at any time."""

    def __init__(self, servers: ElectionServers, arena: Arena, namespace: str, stack: contextlib.ExitStack) -> None:
        self.servers = servers
        self.arena = arena
        self.namespace = namespace
        self._proxies: dict[str, Sequence[Proxy]] = {}
        self._stack = stack

    async def enter(self) -> Candidate:
        url, proxies = self._stack.enter_context(self.servers.proxied())
        candidate = await self.arena.enter(url)
        self._proxies[candidate.name] = proxies
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
        """Suspends the leader for three times its ttl. It then notices at once that it no longer leads, and does nothing."""
        leader, _ = await self.arena.leader()
        at = leader.send(signal.SIGSTOP)
        seconds = await self._succession(leader, at)
        await until(
            lambda: time.monotonic() > at + STOPPED_TTLS * self.servers.ttl_seconds, "it was suspended long enough"
        )
        continued_at = leader.send(signal.SIGCONT)
        noticed_seconds = await until(lambda: leader.has_said("over", continued_at), "it has noticed", seconds=5)
        assert noticed_seconds < NOTICE_SECONDS
        assert not leader.has_said("acts", continued_at)
        return seconds

    async def black_holed(self) -> float:
        """Drops the leader's packets in both directions without ending a connection. It notices by its own clock."""
        leader, _ = await self.arena.leader()
        for proxy in self._proxies[leader.name]:
            proxy.hold()
        at = time.monotonic()
        seconds = await self._succession(leader, at)
        assert leader.has_said("over", at)  # before the other one led, as the history shows
        for proxy in self._proxies[leader.name]:
            proxy.cut()
            proxy.heal()
        return seconds

    async def session_ended(self) -> float:
        """Ends the leader's session on the servers, without its knowledge."""
        leader, _ = await self.arena.leader()
        at = time.monotonic()
        await self.servers.end_session(self.namespace)
        return await self._succession(leader, at)

    async def servers_crashed(self) -> float:
        """Kills and restarts every server. Then a candidate leads, the same or another."""
        await self.arena.leader()
        self.servers.crash()
        at = time.monotonic()
        await until(
            lambda: any(candidate.has_said("leads", at) for candidate in self.arena.candidates),
            "a candidate leads again",
            seconds=30,
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
    "session ended": Contest.session_ended,
    "servers killed and started": Contest.servers_crashed,
}


@contextlib.asynccontextmanager
async def contest(servers: ElectionServers, folder: Path, candidates: int = 2) -> AsyncIterator[Contest]:
    """Yields campaigning candidates. Judges their history at the end."""
    namespace = servers.namespace or f"test_{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        async with Arena(folder, namespace) as arena:
            running = Contest(servers, arena, namespace, stack)
            for _ in range(candidates):
                await running.enter()
            yield running
