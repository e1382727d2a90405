"""Watches sagas for all clients of a process: a few statements a second, however many clients look, and none if none does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from saga.api.live.place import OVERLAP_SECONDS
from saga.client import StoreSagas
from saga.errors import SagaError
from saga.inspection.documents import Document, history_document, saga_document
from saga.inspection.masking.shown import Nothing
from saga.logger import get_logger
from saga.ports.saga_detail import HISTORY_LINES_MAX, HistoryLine, SagaDetail, place_of
from saga.ports.values.watch import Mark, Watched

STATEMENT_SECONDS: Final = 0.25
"""Pause for each statement of the last round: at most four statements a second."""
STREAMS_MAX: Final = 1_000
"""Maximum number of streams of a process."""
NEWS_MAX: Final = 100
"""A client that lags this much behind is disconnected; it goes on from its last event."""


@dataclass(frozen=True)
class Moment:
    """A saga at one moment. `lines` and `history`: everything that has happened to it, as values and as documents."""

    detail: SagaDetail
    history: list[Document]
    document: Document

    @property
    def lines(self) -> tuple[HistoryLine, ...]:
        return self.detail.history

    @property
    def is_over(self) -> bool:
        return self.detail.state.phase.is_terminal


@dataclass
class _Subject:
    """A saga that is watched, and the clients to tell. A None ends a stream: the saga was deleted, or the client lags behind."""

    moment: Moment
    mark: Mark | None = None
    clients: set[asyncio.Queue[Moment | None]] = field(default_factory=set)


class Watcher:
    """The watcher of a process. It reads while there are clients."""

    def __init__(self, sagas: StoreSagas) -> None:
        self._sagas = sagas
        self._subjects: dict[UUID, _Subject] = {}
        self._reading = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        """The number of clients that look."""
        return sum(len(subject.clients) for subject in self._subjects.values())

    @asynccontextmanager
    async def watching(
        self, saga: UUID, known: Moment | None = None
    ) -> AsyncIterator[tuple[Moment, asyncio.Queue[Moment | None]]]:
        """Yields the saga now, and a queue of its next moments. `known`: a moment to begin with, which saves reading it again.

        Raises:
            NotFound, Unavailable: the saga cannot be read.
        """
        async with self._reading:
            subject = self._subjects.get(saga)
            if subject is None:
                subject = self._subjects[saga] = _Subject(known or await self._first(saga))
        news: asyncio.Queue[Moment | None] = asyncio.Queue(NEWS_MAX)
        subject.clients.add(news)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
        try:
            yield subject.moment, news
        finally:
            subject.clients.discard(news)
            if not subject.clients:
                self._subjects.pop(saga, None)

    async def _first(self, saga: UUID) -> Moment:
        detail = await self._sagas.detail(saga)
        lines = list(detail.history)
        while len(lines) % HISTORY_LINES_MAX == 0 and lines:
            more = await self._sagas.listing.history(saga, place_of(lines[-1]), HISTORY_LINES_MAX)
            lines += more
            if not more:
                break
        return _moment(replace(detail, history=tuple(lines)))

    async def _run(self) -> None:
        while self._subjects:
            statements = 1
            try:
                statements = await self._look()
            except SagaError as error:  # the clients keep what they have, until the store answers again
                get_logger("saga.api").warning("watching failed, retrying", error=str(error))
            except Exception:  # noqa: BLE001 (the clients must not wait for ever)
                get_logger("saga.api").exception("watching failed for a reason that nobody foresaw")
            await asyncio.sleep(STATEMENT_SECONDS * statements)

    async def _look(self) -> int:
        """Reads what has changed and tells the clients. Returns the number of statements."""
        subjects = dict(self._subjects)
        marks = await self._sagas.listing.marks(list(subjects))
        for saga in subjects.keys() - marks.keys():
            _tell(subjects[saga], None)
        changed = {saga: subjects[saga] for saga, mark in marks.items() if mark != subjects[saga].mark}
        if not changed:
            return 1
        watched = [_watched(saga, subject.moment.lines) for saga, subject in changed.items()]
        for detail in await self._sagas.listing.moments(watched, self._sagas.process.definitions.graph):
            subject = changed[detail.saga]
            history = _joined(subject.moment.lines, detail.history)
            subject.mark = marks[detail.saga]
            subject.moment = _moment(replace(detail, history=history))
            _tell(subject, subject.moment)
        return 2


def _moment(detail: SagaDetail) -> Moment:
    document = saga_document(detail, ("why", "steps"), shown=Nothing())
    return Moment(detail, history_document(detail), document)


def _watched(saga: UUID, lines: tuple[HistoryLine, ...]) -> Watched:
    newest = max((line.at for line in lines), default=0.0)
    return Watched(saga, max((line.version or 0 for line in lines), default=0), newest - OVERLAP_SECONDS)


def _joined(before: tuple[HistoryLine, ...], more: tuple[HistoryLine, ...]) -> tuple[HistoryLine, ...]:
    known = {place_of(line) for line in before}
    added = [line for line in more if place_of(line) not in known]
    return tuple(sorted([*before, *added], key=place_of)) if added else before


def _tell(subject: _Subject, moment: Moment | None) -> None:
    for client in subject.clients:
        is_behind = client.full()
        while is_behind and not client.empty():
            client.get_nowait()
        client.put_nowait(None if is_behind else moment)
