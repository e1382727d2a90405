"""Checks a store's sagas page by page: only one page is in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from saga.history.plan import GraphView, plan_of
from saga.history.replay import check
from saga.history.verdict import Verdict
from saga.ports.saga_history import HistoryPage, SagaHistory

PAGE_SAGAS_MAX: Final = 500
_TIME_BITS: Final = 80  # of an id, below its milliseconds
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)


class Source(Protocol):
    """A source of histories: a store's `listing`."""

    async def histories(self, first: UUID, limit: int) -> HistoryPage: ...


async def verify(
    source: Source,
    *,
    since: float | None = None,
    saga: UUID | None = None,
    on_page: Callable[[Verdict], None] | None = None,
) -> Verdict:
    """Checks every saga of a store; `on_page` gets the verdict so far after each page.

    `since`: only sagas that started at this time (seconds since the epoch) or later. `saga`: only this one; if it does not exist,
    the verdict counts no saga.
    """
    verdict, plans = Verdict(), dict[int, GraphView | str]()
    first = saga or (_FIRST if since is None else UUID(int=int(since * 1_000) << _TIME_BITS))
    limit = PAGE_SAGAS_MAX if saga is None else 1
    while True:
        page = await source.histories(first, limit)
        for number, document in page.documents.items():
            if number not in plans:
                plans[number] = _plan(document)
        for chronicle in page.histories:
            if saga in (None, chronicle.saga):
                _judge(verdict, chronicle, plans[chronicle.definition], page.kept_since)
        if on_page is not None:
            on_page(verdict)
        if saga is not None or len(page.histories) < limit or page.histories[-1].saga == _LAST:
            return verdict
        first = UUID(int=page.histories[-1].saga.int + 1)


def _plan(document: bytes) -> GraphView | str:
    try:
        return plan_of(document)
    except ValueError as error:
        return f"its definition cannot be read: {error}"


def _judge(verdict: Verdict, chronicle: SagaHistory, plan: GraphView | str, kept_since: float | None) -> None:
    verdict.sagas += 1
    if isinstance(plan, str):
        verdict.unverifiable[plan] += 1
    elif kept_since is not None and chronicle.started_at < kept_since and not _begins(chronicle):
        verdict.unverifiable["its history, or the beginning of it, was dropped by retention"] += 1
    else:
        verdict.add(check(plan, chronicle, verdict))


def _begins(chronicle: SagaHistory) -> bool:
    return bool(chronicle.transitions) and chronicle.transitions[0].version == 1
