"""Which sagas an action is about: one by its id or key, or those that a filter picks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated, Final
from uuid import UUID

from cyclopts import Group, Parameter

from saga.cli.sagas.look import moment
from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.ports.listing import LINES_MAX, Listing, SagaFilter

_GROUP: Final = Group("Many at once", sort_key=70)
LIVE: Final = frozenset({Phase.RUNNING, Phase.COMPENSATING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """One saga by what a person calls it, or all live ones that pass the filter and are (not) paused."""

    reference: str | None
    filter: SagaFilter
    paused: bool | None

    async def find(self, listing: Listing) -> AsyncIterator[UUID]:
        """The sagas of the filter, newest first. Those that start meanwhile are not among them."""
        page = self.filter
        while True:
            lines = await listing.lines(page)
            for line in lines:
                if self.paused in (None, line.is_paused):
                    yield line.saga
            if len(lines) < LINES_MAX:
                return
            page = replace(page, before=lines[-1].saga)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Selection:
    """Which sagas, where it is not one.

    Attributes
    ----------
    definition
        Those of this definition.
    stuck
        Those that wait for a person.
    since
        Those that started within this time ("10m", "1d") or after this moment ("2026-01-31 12:00").
    all
        Every one that has not ended.
    """

    definition: Annotated[str | None, Parameter(group=_GROUP)] = None
    stuck: Annotated[bool, Parameter(group=_GROUP, negative=())] = False
    since: Annotated[str | None, Parameter(group=_GROUP)] = None
    all: Annotated[bool, Parameter(group=_GROUP, negative=())] = False

    def of(self, reference: str | None, *, paused: bool | None = None, stuck: bool = False) -> Wanted:
        """One saga, or what the options pick. Raises UsageError where it is neither, or both."""
        picks = self.definition is not None or self.stuck or self.since is not None
        if reference is not None and (picks or self.all):
            raise UsageError(f"one saga ({reference}) or many (--definition, --stuck, --since, --all), not both")
        if reference is None and not picks and not self.all:
            raise UsageError(
                "which saga? say its id, or DEFINITION:KEY, or pick many by --definition, --stuck, --since or --all"
            )
        if picks and self.all:
            raise UsageError("--all is every saga that has not ended: leave the other options out, or --all")
        since = None if self.since is None else moment(self.since, time.time())
        wanted = SagaFilter(LIVE, self.definition, self.stuck or stuck, since, LINES_MAX)
        return Wanted(reference, wanted, paused)


NONE: Final = Selection()
