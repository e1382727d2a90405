"""Watches sagas for all clients of a process: a few statements a second, however many clients look, and none if none does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final
from uuid import UUID

from saga.api.live.place import OVERLAP_SECONDS
from saga.client import StoreSagas
from saga.core.definition.json_value import Json
from saga.errors import SagaError
from saga.inspection.documents import Document, history_document, saga_document
from saga.inspection.instants import Instant, with_texts
from saga.inspection.masking.shown import Nothing
from saga.logger import get_logger
from saga.ports.saga_detail import HISTORY_LINES_MAX, HistoryLine, SagaDetail, place_of
from saga.ports.values.watch import Mark, Watched

STATEMENT_SECONDS: Final = 0.35
"""Time for each statement of a round: at most three a second. A fourth one renews tokens and sessions of the viewers."""
STREAMS_MAX: Final = 1_000
"""Maximum number of streams of a process."""
NEWS_MAX: Final = 100
"""A client that lags this much behind is disconnected; it goes on from its last event."""


@dataclass(frozen=True)
class Moment:
    """A saga at one moment. `lines` and `history`: everything that has happened to it, as values and as documents.

    `document`: the saga without payloads, with the time of the moment.
    """

    detail: SagaDetail
    history: list[Document]
    document: Document

    @property
    def lines(self) -> tuple[HistoryLine, ...]:
        return self.detail.history

    @property
    def is_over(self) -> bool:
        return self.detail.state.phase.is_terminal

    @cached_property
    def text(self) -> str:
        """The document as JSON: written once for all clients."""
        return json_text(self.document)

    @cached_property
    def history_texts(self) -> dict[int, str]:
        """Lines of the history as JSON, by position: those that a client has asked for."""
        return {}

    def history_text(self, position: int) -> str:
        """A line of the history as JSON: written once for all clients."""
        if position not in self.history_texts:
            self.history_texts[position] = json_text(self.history[position])
        return self.history_texts[position]


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
        clock = asyncio.get_running_loop().time
        while self._subjects:
            begun_at, statements = clock(), 1
            try:
                statements = await self._look()
            except SagaError as error:  # the clients keep what they have, until the store answers again
                get_logger("saga.api").warning("watching failed, retrying", error=str(error))
            except Exception:  # noqa: BLE001 (the clients must not wait for ever)
                get_logger("saga.api").exception("watching failed for a reason that nobody foresaw")
            await asyncio.sleep(max(0.0, begun_at + STATEMENT_SECONDS * statements - clock()))

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


def json_text(document: Json) -> str:
    """A document as JSON, with its times as texts."""
    return json.dumps(with_texts(document), ensure_ascii=False)


def _moment(detail: SagaDetail) -> Moment:
    document = {"now": Instant(detail.now), **saga_document(detail, ("why", "steps"), shown=Nothing())}
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
