"""Selects the process that gets a command: this one if it serves the service and has room, else a live peer with room, else the queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from saga.ports.clock import Clock
from saga.ports.membership import Peer
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.replicas import Replica, Replicas

SILENT_SECONDS: Final = 3.0  # a peer that was not seen for this long gets nothing assigned


class Capacity(Protocol):
    """The room for claims in this process. Implemented by `saga.runtime.claims.intake.Intake`."""

    def has_room(self) -> bool:
        """Returns whether another claim is accepted now."""


class Router:
    """Knows which processes are alive, from the last heartbeat. A wrong guess costs time, never correctness: a claim is a lease."""

    def __init__(self, clock: Clock, identity: ProcessIdentity, capacity: Capacity, *, queues_commands: bool) -> None:
        self.identity = identity
        self.queues_commands = queues_commands
        self.own_services: frozenset[str] = frozenset()
        self._clock = clock
        self._capacity = capacity
        self._by_service: dict[str, Replicas] = {}
        self._replicas: dict[int, Replica] = {}  # by number
        self._updated_at = float("-inf")

    def serve(self, services: Sequence[str]) -> None:
        self.own_services |= frozenset(services)

    def withdraw(self, services: Iterable[str]) -> None:
        """This process accepts no more commands of these services."""
        self.own_services -= frozenset(services)

    def update(self, peers: Sequence[Peer]) -> None:
        """Replaces what is known of the peers by what a heartbeat returned."""
        now = self._clock.monotonic()
        before, elapsed = self._replicas, now - self._updated_at
        self._updated_at = now
        self._replicas = {}
        by_service: dict[str, list[Replica]] = {}
        for peer in peers:
            if peer.id != self.identity.number and peer.seen_ago_seconds < SILENT_SECONDS:
                replica = self._replicas[peer.id] = Replica(peer)
                if peer.id in before:
                    replica.follow(before[peer.id], has_reported=peer.seen_ago_seconds < elapsed)
                for service in peer.services:
                    by_service.setdefault(service, []).append(replica)
        self._by_service = {service: Replicas(replicas) for service, replicas in by_service.items()}

    def is_peer_busy(self) -> bool:
        """Returns whether a process that shares a service with this one holds claims, which this one takes over if it dies."""
        return any(replica.peer.in_flight for service in self.own_services for replica in self._known(service))

    def next_peer(self, service: str) -> int | None:
        """The live process of a service that follows this one in the order of their numbers, in a ring. None if there is no other."""
        if self._clock.monotonic() - self._updated_at > SILENT_SECONDS:
            return None
        numbers = [replica.peer.id for replica in self._known(service)]
        later = (number for number in numbers if number > self.identity.number)
        return next(later, numbers[0] if numbers else None)

    def owner(self, service: str) -> int | None:
        if service in self.own_services:
            return self.identity.number if self._capacity.has_room() else None
        now = self._clock.monotonic()
        if not self.queues_commands or now - self._updated_at > SILENT_SECONDS:
            return None
        replicas = self._by_service.get(service)
        selected = None if replicas is None else replicas.assign(now)
        return None if selected is None else selected.peer.id

    def _known(self, service: str) -> Sequence[Replica]:
        replicas = self._by_service.get(service)
        return () if replicas is None else replicas.all
