"""Routers without a process behind them."""

from __future__ import annotations

from saga.ports.clock import SystemClock
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.router import Router


class Room:
    """A process that always has room, or never."""

    def __init__(self, *, free: bool) -> None:
        self._free = free

    def has_room(self) -> bool:
        return self._free


def router_with(*, room: bool, queues_commands: bool = True) -> Router:
    """The router of a process that serves nothing yet."""
    return Router(SystemClock(), ProcessIdentity(), Room(free=room), queues_commands=queues_commands)
