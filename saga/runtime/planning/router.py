"""Which process gets a command: ourselves if we serve it and have room, else a live process of the service that has, else its queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from saga.ports.clock import Clock
from saga.ports.membership import Peer

SILENT_SECONDS: Final = 3.0  # a peer that was not seen for so long gets nothing assigned


class _Known(Struct):
    peer: Peer
    given: int = 0

    def load(self) -> float:
        return self.given / self.peer.capacity


class Router:
    """Knows who is alive, from the last heartbeat. A wrong guess costs time, never correctness: a claim is a lease."""

    def __init__(self, clock: Clock, *, queues_commands: bool, has_room: Callable[[str], bool]) -> None:
        self.process = 0
        self.queues_commands = queues_commands
        self._clock = clock
        self._has_room = has_room
        self._own: frozenset[str] = frozenset()
        self._by_service: dict[str, list[_Known]] = {}
        self._heard_at = float("-inf")
        self._claims = 0

    def enter(self, process: int) -> None:
        """We have a (new) number."""
        self.process = process
        self._claims = 0

    def serve(self, services: Sequence[str]) -> None:
        self._own |= frozenset(services)

    def hear(self, peers: Sequence[Peer]) -> None:
        """Take over what a heartbeat said."""
        self._heard_at = self._clock.monotonic()
        self._by_service = {}
        for peer in peers:
            if peer.id != self.process and peer.seen_ago_seconds < SILENT_SECONDS:
                known = _Known(peer, peer.in_flight)
                for service in peer.services:
                    self._by_service.setdefault(service, []).append(known)

    def is_peer_busy(self) -> bool:
        """Whether somebody who shares a service with us has work in hand, which we would take over."""
        return any(known.peer.in_flight for service in self._own for known in self._by_service.get(service, ()))

    def next_claim(self) -> int:
        return self.claims(1) + 1

    def claims(self, count: int) -> int:
        """Reserve claim numbers; they follow the one returned."""
        first = (self.process << 32) + self._claims
        self._claims += count
        return first

    def owner(self, service: str) -> int | None:
        if service in self._own:
            return self.process if self._has_room(service) else None
        if not self.queues_commands or self._clock.monotonic() - self._heard_at > SILENT_SECONDS:
            return None
        peers = self._by_service.get(service)
        if not peers:
            return None
        best = peers[0] if len(peers) == 1 else min(peers, key=_Known.load)
        if best.peer.in_flight >= best.peer.capacity:
            return None
        best.given += 1
        return best.peer.id

    def is_served(self, service: str) -> bool:
        """Whether anybody alive serves it, as far as we know."""
        return service in self._own or bool(self._by_service.get(service))
