"""Finds the sagas that pass a query, newest first, page by page. Every search is bounded."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.errors import DefinitionError, NotFound, UsageError
from saga.inspection.query.matching import detail_of, matches
from saga.inspection.query.narrowing import narrowed
from saga.inspection.query.terms import Query
from saga.ports.listing import Listing, SagaFilter, SagaLine
from saga.ports.saga_detail import SagaDetail
from saga.ports.values.scan import Among, SagaScan, ScannedSaga, ScanPage

ROWS_MAX: Final = 20_000
"""Maximum number of sagas that one search reads."""
SECONDS_MAX: Final = 0.3
"""After this time a search answers with what it has found."""
FIRST_ROWS: Final = 1_000
"""Number of the newest sagas that are read first, where there are indexes that may have fewer to read."""
BATCH: Final = 500
"""Number of sagas that are examined at a time, where the store does not filter by all terms."""
Graphs = Callable[[int], Awaitable[Graph]]


@dataclass(frozen=True, slots=True)
class Searched:
    """A page of a search.

    `cursor`: where the next page begins; None: there is nothing more. `is_complete`: False if the search was cut short before the
    page was full; then `scanned_to` is the last saga that it read.
    """

    lines: list[SagaLine]
    cursor: str | None
    is_complete: bool
    scanned_to: UUID | None
    now: float


@dataclass(frozen=True, slots=True)
class Matches:
    """A page of a search before its lines are read; see `Searched`.

    `details`: the sagas without payloads, records and history; none for the empty query.
    """

    sagas: list[UUID]
    details: list[SagaDetail]
    cursor: str | None
    is_complete: bool
    scanned_to: UUID | None
    now: float


class Search:
    """A search in a store. `graphs` loads the graph of a definition by its number, `monotonic` is the clock of this process."""

    def __init__(self, listing: Listing, graphs: Graphs, monotonic: Callable[[], float]) -> None:
        self._listing = listing
        self._graphs = graphs
        self._monotonic = monotonic

    async def page(self, query: Query, limit: int, cursor: str | None, now: float) -> Searched:
        """Returns the next page. `now`: seconds since the epoch. Raises UsageError if the cursor is of another query."""
        found = await self.matches(query, limit, cursor, now)
        wanted = SagaFilter(ids=frozenset(found.sagas), limit=limit)
        lines = await self._listing.lines(wanted) if found.sagas else []
        return Searched(lines, found.cursor, found.is_complete, found.scanned_to, found.now)

    async def matches(self, query: Query, limit: int, cursor: str | None, now: float) -> Matches:
        """Returns the next page as ids, with what the search knows of each. Raises UsageError."""
        found = _Found(query, limit + 1, self._monotonic() + SECONDS_MAX)
        wanted = narrowed(query, now)
        batch = max(limit + 1, BATCH) if query.terms else limit + 1
        indexes, rows = _indexes(wanted.among), 0
        first = FIRST_ROWS if indexes else ROWS_MAX
        scan = replace(wanted, among=Among.ALL, before=position_of(cursor, query), limit=batch, rows_max=first)
        while True:
            page, end = await self._scan(found, scan)
            rows += scan.rows_max if len(page.sagas) < batch else batch
            if end is not None and not found.is_full and indexes:
                end = await self._scan_index(found, indexes, replace(scan, before=end))
                indexes = ()
            if end is None or found.is_full or rows >= ROWS_MAX or self._monotonic() >= found.until:
                return _matches(found, limit, end, page.now)
            scan = replace(scan, before=end, rows_max=min(4 * scan.rows_max, ROWS_MAX - rows))

    async def _scan_index(self, found: _Found, indexes: Sequence[Among], scan: SagaScan) -> UUID | None:
        """Looks among the sagas of the first index that has few enough of them. Returns where the search goes on.

        The newest are returned first, twice as many as the page takes; only if that is not enough, all.
        """
        for among in indexes:
            first = min(scan.limit, 2 * found.enough)
            page, end = await self._scan(found, replace(scan, among=among, rows_max=ROWS_MAX, limit=first))
            if page.is_too_many:
                continue
            if end is not None and not found.is_full and self._monotonic() < found.until:
                _, end = await self._scan(
                    found, replace(scan, among=among, rows_max=ROWS_MAX, limit=ROWS_MAX, before=end)
                )
            return end
        return scan.before

    async def _scan(self, found: _Found, scan: SagaScan) -> tuple[ScanPage, UUID | None]:
        """Examines the sagas of one window, until the page is full or the time is up. Returns where the search goes on."""
        page = await self._listing.scan(scan)
        for place, one in enumerate(page.sagas):
            if found.is_full or (place % BATCH == BATCH - 1 and self._monotonic() >= found.until):
                return page, page.sagas[place - 1].saga
            if place % BATCH == BATCH - 1:
                await asyncio.sleep(0)
            detail = await self._detail(one, page) if found.query.terms else None
            if not found.query.terms or (detail is not None and matches(found.query, detail)):
                found.sagas.append(one.saga)
                found.details += [] if detail is None else [detail]
        return page, page.scanned_to

    async def _detail(self, one: ScannedSaga, page: ScanPage) -> SagaDetail | None:
        """Returns the saga as a query sees it; None if this build cannot read its definition."""
        try:
            return detail_of(one, await self._graphs(one.definition), page)
        except (DefinitionError, NotFound):
            return None


@dataclass
class _Found:
    """The sagas that a search has found so far. `enough`: one more than the page takes, which shows that there is a next page."""

    query: Query
    enough: int
    until: float
    sagas: list[UUID] = field(default_factory=list)
    details: list[SagaDetail] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.sagas) >= self.enough


def _matches(found: _Found, limit: int, scanned_to: UUID | None, now: float) -> Matches:
    shown = found.sagas[:limit]
    end = shown[-1] if found.is_full else scanned_to
    cursor = None if end is None else cursor_at(end, found.query)
    is_complete = found.is_full or scanned_to is None
    return Matches(shown, found.details[:limit], cursor, is_complete, None if is_complete else scanned_to, now)


def _indexes(among: Among) -> Sequence[Among]:
    """The indexes to try: all live sagas first, as these are exact; then the smaller set."""
    return () if among is Among.ALL else tuple(dict.fromkeys((Among.LIVE, among)))


def cursor_at(saga: UUID, query: Query) -> str:
    """A cursor of this query behind a saga."""
    return urlsafe_b64encode(saga.bytes + _mark(query)).decode().rstrip("=")


def position_of(cursor: str | None, query: Query) -> UUID | None:
    """The saga behind which a page begins. Raises UsageError."""
    if cursor is None:
        return None
    try:
        data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if data[16:] != _mark(query):
            raise UsageError("this cursor belongs to another query: ask without a cursor for the first page")
        return UUID(bytes=data[:16])
    except ValueError:
        raise UsageError("this is not a cursor: take it from the answer before") from None


def _mark(query: Query) -> bytes:
    return hashlib.sha256(str(query).encode()).digest()[:8]
