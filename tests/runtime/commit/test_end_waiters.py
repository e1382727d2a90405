"""Waiting for ends: no lookup before a saga can have ended, and lookups in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from saga.core.state.phase import Phase
from saga.errors import NotFound, Unavailable, UsageError
from saga.ports.clock import SystemClock
from saga.ports.values.notification import SagaStatus
from saga.runtime.commit import end_waiters as endings
from saga.runtime.commit.end_waiters import EndWaiters

RUNNING = SagaStatus(1, Phase.RUNNING, None, None, {})
COMPLETED = SagaStatus(1, Phase.COMPLETED, None, b"{}", {})


class Shelf:
    """The statuses of sagas; it keeps the queries."""

    def __init__(self) -> None:
        self.found: dict[UUID, SagaStatus] = {}
        self.questions: list[list[UUID]] = []
        self.failures = 0

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        self.questions.append(list(sagas))
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise Unavailable("away")
        return {saga: self.found[saga] for saga in sagas if saga in self.found}


@asynccontextmanager
async def running(shelf: Shelf) -> AsyncIterator[EndWaiters]:
    found = EndWaiters(shelf, SystemClock())
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_saga_that_was_just_started_is_looked_up_only_when_it_has_ended() -> None:
    shelf, saga = Shelf(), uuid4()
    async with running(shelf) as found:
        waiting = asyncio.create_task(found.wait(saga, is_new=True))
        await asyncio.sleep(0)
        assert shelf.questions == []

        shelf.found[saga] = COMPLETED
        found.all_ended({saga: None})

        assert await waiting is COMPLETED
    assert shelf.questions == [[saga]]


async def test_an_end_before_any_waiter_is_remembered() -> None:
    shelf, saga = Shelf(), uuid4()
    shelf.found[saga] = COMPLETED
    async with running(shelf) as found:
        found.all_ended({saga: None})
        assert await found.wait(saga, is_new=True) is COMPLETED


async def test_an_end_during_the_lookup_is_not_lost() -> None:
    shelf, saga = Shelf(), uuid4()
    shelf.found[saga] = RUNNING
    async with running(shelf) as found:
        waiting = asyncio.create_task(found.wait(saga, is_new=False))
        while not shelf.questions:  # noqa: ASYNC110 (a turn of the loop at a time)
            await asyncio.sleep(0)
        shelf.found[saga] = COMPLETED
        found.all_ended({saga: None})
        assert await waiting is COMPLETED


async def test_ends_that_are_notified_together_are_looked_up_together() -> None:
    shelf, sagas = Shelf(), [uuid4() for _ in range(10)]
    shelf.found = dict.fromkeys(sagas, COMPLETED)
    async with running(shelf) as found, asyncio.TaskGroup() as waiting:
        for saga in sagas:
            waiting.create_task(found.wait(saga, is_new=True))
        await asyncio.sleep(0)
        found.all_ended(dict.fromkeys(sagas))
    assert [len(question) for question in shelf.questions] == [10]


async def test_a_lost_notification_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "POLL_FIRST_SECONDS", 0.01)
    shelf, saga = Shelf(), uuid4()
    shelf.found[saga] = COMPLETED
    async with running(shelf) as found:
        assert await found.wait(saga, is_new=True) is COMPLETED


async def test_a_waiter_that_is_notified_of_the_end_does_not_look_it_up_again() -> None:
    shelf, saga = Shelf(), uuid4()
    shelf.found[saga] = RUNNING
    async with running(shelf) as found:
        waiting = asyncio.create_task(found.wait(saga, is_new=False))
        while not shelf.questions:  # noqa: ASYNC110 (a turn of the loop at a time)
            await asyncio.sleep(0)
        found.all_ended({saga: COMPLETED})
        assert await waiting is COMPLETED
    assert shelf.questions == [[saga]]


async def test_lookups_of_patient_waiters_are_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, sagas = Shelf(), [uuid4() for _ in range(50)]
    shelf.found = dict.fromkeys(sagas, COMPLETED)
    async with running(shelf) as found, asyncio.TaskGroup() as waiting:
        for n, saga in enumerate(sagas):
            monkeypatch.setattr(endings, "POLL_FIRST_SECONDS", 0.01 + 0.003 * n)
            waiting.create_task(found.wait(saga, is_new=True))
            await asyncio.sleep(0)
    assert sum(map(len, shelf.questions)) == 50
    assert len(shelf.questions) <= 2  # they may have begun on both sides of a tick


async def test_a_store_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "RETRY_SECONDS", 0.01)
    shelf, saga = Shelf(), uuid4()
    shelf.found[saga], shelf.failures = COMPLETED, 2
    async with running(shelf) as found:
        assert await found.wait(saga, is_new=False) is COMPLETED
    assert len(shelf.questions) == 3


async def test_an_unknown_saga_is_not_found() -> None:
    async with running(Shelf()) as found:
        with pytest.raises(NotFound):
            await found.wait(uuid4(), is_new=False)


async def test_no_waiter_is_left_when_the_process_stops() -> None:
    shelf, saga = Shelf(), uuid4()
    shelf.found[saga] = RUNNING
    async with running(shelf) as found:
        waiting = asyncio.create_task(found.wait(saga, is_new=True))
        await asyncio.sleep(0)
    with pytest.raises(UsageError, match="goes on without it"):
        await waiting


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    shelf, saga = Shelf(), uuid4()
    async with running(shelf) as found:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await found.wait(saga, is_new=True)
        assert not found._waiting
