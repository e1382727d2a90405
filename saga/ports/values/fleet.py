"""The processes of an installation, and its leader."""

from __future__ import annotations

from typing import NamedTuple


class ProcessLine(NamedTuple):
    """A live process. `seen_at`: its last heartbeat, in seconds since the epoch on the store's clock."""

    number: int
    name: str
    services: tuple[str, ...]
    capacity: int
    in_flight: int
    seen_at: float


class LeaderLine(NamedTuple):
    """The supervisor that led last. `name`: None if it has resigned. `is_alive`: it was seen leading lately."""

    name: str | None
    term: int
    seen_at: float
    is_alive: bool


class Fleet(NamedTuple):
    """The live processes by name, and the leader; None if there never was one. All of it is of the moment `now`."""

    processes: list[ProcessLine]
    leader: LeaderLine | None
    now: float
