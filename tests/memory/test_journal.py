"""A service's journal over memory."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from saga.errors import NotFound
from saga.memory.journal import MemoryJournal, ServiceDatabase
from saga.ports.journal import JournalRow, Mark
from saga.testing.suites.timeout import soon

SAGA = uuid4()
EXECUTED = JournalRow(Mark.EXECUTED, b"7", None)
TOMBSTONE = JournalRow(Mark.TOMBSTONE, None, None)


@pytest.fixture
def database() -> ServiceDatabase:
    return ServiceDatabase()


@pytest.fixture
def journal(database: ServiceDatabase) -> MemoryJournal:
    return MemoryJournal(database)


async def write(journal: MemoryJournal, row: JournalRow, saga: UUID = SAGA) -> bool:
    async with journal.transaction() as transaction:
        return await transaction.write(saga, 0, row)


async def find(journal: MemoryJournal) -> JournalRow | None:
    async with journal.transaction() as transaction:
        return await transaction.find(SAGA, 0)


async def test_effect_and_row_are_one_transaction(journal: MemoryJournal, database: ServiceDatabase) -> None:
    async with journal.transaction() as transaction:
        await transaction.connection.put("stock", 6)
        assert await transaction.write(SAGA, 0, EXECUTED)
        assert (database.rows, database.journal) == ({}, {})

    assert database.rows == {"stock": 6}
    assert await find(journal) == EXECUTED


async def test_an_exception_leaves_neither_effect_nor_row(journal: MemoryJournal, database: ServiceDatabase) -> None:
    with pytest.raises(ZeroDivisionError):
        await _fail(journal)

    assert database.rows == {}
    assert await find(journal) is None


async def test_a_row_is_written_once(journal: MemoryJournal) -> None:
    assert await write(journal, EXECUTED)
    assert not await write(journal, TOMBSTONE)

    assert await find(journal) == EXECUTED


async def test_a_transaction_sees_its_own_row(journal: MemoryJournal) -> None:
    async with journal.transaction() as transaction:
        assert await transaction.find(SAGA, 0) is None
        await transaction.write(SAGA, 0, EXECUTED)
        assert await transaction.find(SAGA, 0) == EXECUTED
        assert not await transaction.write(SAGA, 0, TOMBSTONE)


async def test_of_two_writers_one_is_told_that_the_other_was_faster(journal: MemoryJournal) -> None:
    written = await soon(asyncio.gather(write(journal, EXECUTED), write(journal, TOMBSTONE)))

    assert sorted(written) == [False, True]


async def test_a_mark_changes_what_the_row_says(journal: MemoryJournal) -> None:
    await write(journal, EXECUTED)

    async with journal.transaction() as transaction:
        await transaction.mark(SAGA, 0, Mark.COMPENSATED)

    assert await find(journal) == JournalRow(Mark.COMPENSATED, b"7", None)


async def test_what_is_not_there_cannot_be_marked(journal: MemoryJournal) -> None:
    async with journal.transaction() as transaction:
        with pytest.raises(NotFound):
            await transaction.mark(SAGA, 0, Mark.COMPENSATED)


async def test_finished_sagas_are_forgotten(journal: MemoryJournal) -> None:
    other = uuid4()
    await write(journal, EXECUTED)
    await write(journal, EXECUTED, other)

    assert await journal.purge([other, uuid4()]) == 1
    assert await find(journal) == EXECUTED


async def _fail(journal: MemoryJournal) -> None:
    async with journal.transaction() as transaction:
        await transaction.connection.put("stock", 6)
        await transaction.write(SAGA, 0, EXECUTED)
        raise ZeroDivisionError
