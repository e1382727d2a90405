"""The doctor's port: what a bus with topics or streams of its own has to be given, and what may be wrong with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor. `remedy` is what to do, or to type; None where there is nothing to do."""

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
    """What an adapter has beside its `Bus` where topics are made on purpose and not in passing: `saga bus ensure`, `saga doctor`.

    It has an entry point of the bus's scheme in the group `saga.doctor`. A bus without one has nothing to be made beforehand.
    Topics are named as in `Bus.publish`.
    """

    async def create(self, topics: Sequence[str]) -> list[str]:
        """Create what is missing, with the settings of the URL; return the names that the bus has for it.

        What exists already stays as it is, whatever its settings. Cancelled, it may have created some.

        Raises:
            Unavailable: unknown which were created; calling it again is harmless.
            AccessRefused, UsageError: the bus refuses us, or these settings.
        """

    def examine(self, topics: Sequence[str]) -> AsyncIterator[Check]:
        """Findings in the order in which they matter. Errors are findings too: it raises none of `saga.errors`."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""
