"""The doctor of a bus: creates the topics that the bus does not create by itself, and checks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `remedy`: what to do or to type; None if nothing needs to be done."""

    name: str
    ok: bool
    detail: str
    remedy: str | None = None


def passed(name: str, detail: str) -> Check:
    """A check that found nothing wrong."""
    return Check(name, ok=True, detail=detail)


def failed(name: str, detail: str, remedy: str) -> Check:
    """A check that found something wrong, and what to do about it."""
    return Check(name, ok=False, detail=detail, remedy=remedy)


class BusDoctor(Protocol):
    """Creates and checks the topics of a bus, for `saga bus ensure` and `saga doctor`.

    An adapter whose bus does not create topics by itself has one, as an entry point in the group `saga.doctor` under the scheme
    of the bus. Topics are named as in `Bus.publish`.
    """

    async def create(self, topics: Sequence[str]) -> list[str]:
        """Creates the missing topics, with the settings in the URL. Returns the names that the bus has for them.

        Existing topics are not changed, whatever their settings. A cancelled call may have created some.

        Raises:
            UsageError: the bus refuses these settings.
            AccessRefused: the bus refuses the user.
            Unavailable: it is unknown which topics were created; calling it again is harmless.
        """

    def examine(self, topics: Sequence[str]) -> AsyncIterator[Check]:
        """Yields the checks, the most important first. An error is a failed check; none of `saga.errors` is raised."""

    async def close(self) -> None:
        """Closes all connections. Calling it twice is harmless."""
