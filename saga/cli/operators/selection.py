"""The sagas that an action is for: one that is named by its id or key, or all that a filter selects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated, Final
from uuid import UUID

from cyclopts import Group, Parameter

from saga.cli.options import Since
from saga.cli.since import moment_of
from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.ports.listing import LINES_MAX, Listing, SagaFilter

AnySaga = Annotated[
    str | None, Parameter(help="The id of the saga, or DEFINITION:KEY; without it, the sagas that the options select.")
]

_GROUP: Final = Group("Many at once", sort_key=70)
LIVE: Final = frozenset({Phase.RUNNING, Phase.COMPENSATING})


@dataclass(frozen=True, slots=True)
class Selected:
    """One saga by its reference, or all live sagas that pass the filter and are (not) paused."""

    reference: str | None
    filter: SagaFilter
    paused: bool | None

    async def find(self, listing: Listing) -> AsyncIterator[UUID]:
        """Yields the sagas that pass the filter, newest first, without those that start meanwhile."""
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
    """The options that select many sagas.

    Attributes
    ----------
    definition
        Only sagas of this definition.
    stuck
        Only sagas that wait for an operator.
    all
        Select every saga that has not ended.
    """

    definition: Annotated[str | None, Parameter(group=_GROUP)] = None
    stuck: Annotated[bool, Parameter(group=_GROUP, negative=())] = False
    since: Annotated[Since, Parameter(group=_GROUP)] = None
    all: Annotated[bool, Parameter(group=_GROUP, negative=())] = False

    def of(self, reference: str | None, *, paused: bool | None = None, stuck: bool = False) -> Selected:
        """Returns the saga with this reference, or the sagas that the options select.

        Raises:
            UsageError: neither was given, or both.
        """
        has_filter = self.definition is not None or self.stuck or self.since is not None
        if reference is not None and (has_filter or self.all):
            raise UsageError(f"one saga ({reference}) or many (--definition, --stuck, --since, --all), not both")
        if reference is None and not has_filter and not self.all:
            raise UsageError(
                "which saga? Give its id, or DEFINITION:KEY, or select many with --definition, --stuck, --since or --all"
            )
        if has_filter and self.all:
            raise UsageError("--all selects every saga that has not ended: use it without the other options")
        since = moment_of(self.since)
        return Selected(reference, SagaFilter(LIVE, self.definition, self.stuck or stuck, since, LINES_MAX), paused)


NO_FILTER: Final = Selection()
