"""Servers of one kind that belong together: child processes on this machine, numbered from 1, each with its own folder."""

from __future__ import annotations

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from saga_postgres.embedded.child import LOOPBACK, Child

START_TIMEOUT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Member:
    """The host of a server: its address, and the command prefix that runs a program on it (`ip netns exec NAME`)."""

    host: str = LOOPBACK
    inside: tuple[str, ...] = ()


class Ensemble(ABC):
    """Several servers. `scheme` is that of the URL; `ports` are the client ports, one for each member."""

    scheme: str

    def __init__(self, folder: Path, members: Sequence[Member], ports: Sequence[int]) -> None:
        self._folder = folder
        self._members = members
        self._ports = ports
        self._nodes: dict[int, Child] = {}

    @abstractmethod
    def _argv(self, node: int) -> list[str | Path]: ...

    @abstractmethod
    def _is_ready(self, node: int) -> bool: ...

    @property
    def endpoints(self) -> list[str]:
        return [f"{member.host}:{port}" for member, port in zip(self._members, self._ports, strict=True)]

    @property
    def url(self) -> str:
        return f"{self.scheme}://{','.join(self.endpoints)}"

    def pid(self, node: int) -> int:
        return self._nodes[node].pid

    def start(self, *nodes: int) -> None:
        """Starts these servers, all by default, and waits until each of them answers."""
        nodes = nodes or tuple(range(1, len(self._members) + 1))
        for node in nodes:
            log = self._folder / f"node-{node}.log"
            self._nodes[node] = Child(self._argv(node), folder=self._folder, log=log, account=None)
        give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
        for node in nodes:
            while not self._is_ready(node):
                if not self._nodes[node].is_running or time.monotonic() > give_up_at:
                    raise RuntimeError(f"{self.scheme} server {node} did not start:\n{self._nodes[node].log_tail()}")
                time.sleep(POLL_SECONDS)

    def kill(self, *nodes: int) -> None:
        """Kills these servers, as a crash does."""
        for node in nodes or tuple(self._nodes):
            self._nodes[node].end(signal.SIGKILL)

    def stop(self) -> None:
        for child in self._nodes.values():
            child.end(signal.SIGTERM)
