"""The conformance suite of `saga.ports.journal`. Subclass `JournalSuite`, implement its hooks, run it with pytest."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from saga.ports.journal import Journal, JournalRow, Mark
from saga.testing.suites.timeout import soon

EXECUTED = JournalRow(Mark.EXECUTED, b"7", None)
REJECTED = JournalRow(Mark.REJECTED, None, "out of stock")
TOMBSTONE = JournalRow(Mark.TOMBSTONE, None, None)


class JournalSuite(abc.ABC):
    """The contract of a journal: an effect and its row are one transaction, and a step has at most one row (G15 to G18, G38)."""

    pytestmark: pytest.MarkDecorator = pytest.mark.asyncio

    @abc.abstractmethod
    async def open_journal(self) -> Journal:
        """Returns the journal of another process of the service, not opened yet. The journal is empty at the first call."""

    @abc.abstractmethod
    async def make_effect(self, connection: Any, name: str) -> None:
        """Writes something by this name in the transaction of this connection, as a handler does."""

    @abc.abstractmethod
    async def effects(self) -> set[str]:
        """Returns the names of the effects that are committed."""

    @pytest_asyncio.fixture(autouse=True)
    async def _open_journals(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as self._journals:
            self.saga: UUID = uuid4()
            yield

    async def journal(self) -> Journal:
        """A journal that is open, and closed after the test."""
        journal = await self.open_journal()
        self._journals.push_async_callback(journal.close)
        await journal.open()
        return journal

    async def write(self, journal: Journal, row: JournalRow, saga: UUID | None = None) -> bool:
        """Writes a row in a transaction that ends as the runtime ends it: rolled back if another one was faster."""
        try:
            async with journal.transaction() as transaction:
                if not await transaction.write(saga or self.saga, 0, row):
                    raise _WrittenBefore
        except _WrittenBefore:
            return False
        return True

    async def find(self, journal: Journal, step: int = 0) -> JournalRow | None:
        async with journal.transaction() as transaction:
            return await transaction.find(self.saga, step)

    @pytest.mark.parametrize("row", [EXECUTED, REJECTED, TOMBSTONE], ids=lambda row: row.mark.name.lower())
    async def test_a_row_is_read_as_it_was_written(self, row: JournalRow) -> None:
        journal = await self.journal()

        assert await self.write(journal, row)

        assert await self.find(journal) == row
        assert await self.find(journal, step=1) is None

    async def test_the_processes_of_a_service_share_a_journal(self) -> None:
        journal, other = await self.journal(), await self.journal()

        await self.write(journal, EXECUTED)

        assert await self.find(other) == EXECUTED

    async def test_an_effect_and_its_row_are_one_transaction(self) -> None:
        journal = await self.journal()

        async with journal.transaction() as transaction:
            await self.make_effect(transaction.connection, "reserved")
            assert await transaction.write(self.saga, 0, EXECUTED)
            assert await self.effects() == set()

        assert await self.effects() == {"reserved"}
        assert await self.find(journal) == EXECUTED

    async def test_an_exception_leaves_neither_effect_nor_row(self) -> None:
        journal = await self.journal()

        with pytest.raises(ZeroDivisionError):
            await self._fail(journal)

        assert await self.effects() == set()
        assert await self.find(journal) is None

    async def test_a_row_is_written_once(self) -> None:
        journal = await self.journal()

        assert await self.write(journal, EXECUTED)
        assert not await self.write(journal, TOMBSTONE)

        assert await self.find(journal) == EXECUTED

    async def test_of_two_writers_one_is_told_that_the_other_was_faster(self) -> None:
        journal, other = await self.journal(), await self.journal()

        written = await soon(asyncio.gather(self.write(journal, EXECUTED), self.write(other, TOMBSTONE)))

        assert sorted(written) == [False, True]

    async def test_a_transaction_sees_its_own_row(self) -> None:
        journal = await self.journal()

        async with journal.transaction() as transaction:
            assert await transaction.find(self.saga, 0) is None
            await transaction.write(self.saga, 0, EXECUTED)
            assert await transaction.find(self.saga, 0) == EXECUTED
            assert not await transaction.write(self.saga, 0, TOMBSTONE)

    async def test_a_row_that_was_found_is_locked_until_the_transaction_ends(self) -> None:
        journal, other = await self.journal(), await self.journal()
        await self.write(journal, EXECUTED)

        async with journal.transaction() as transaction:
            await transaction.find(self.saga, 0)
            waiting = asyncio.create_task(self._mark(other, Mark.FROZEN))
            await asyncio.wait([waiting], timeout=0.05)
            assert not waiting.done()
            await transaction.mark(self.saga, 0, Mark.COMPENSATED)

        assert await soon(waiting) == Mark.COMPENSATED

    async def test_a_mark_changes_the_mark_and_nothing_else(self) -> None:
        journal = await self.journal()
        await self.write(journal, EXECUTED)

        assert await self._mark(journal, Mark.COMPENSATED) == Mark.EXECUTED

        assert await self.find(journal) == JournalRow(Mark.COMPENSATED, b"7", None)

    async def test_a_row_that_is_forgotten_can_be_written_again(self) -> None:
        journal = await self.journal()
        await self.write(journal, REJECTED)

        async with journal.transaction() as transaction:
            await transaction.find(self.saga, 0)
            await transaction.forget(self.saga, 0)
            assert await transaction.write(self.saga, 0, EXECUTED)

        assert await self.find(journal) == EXECUTED

    async def test_a_purge_removes_the_rows_of_these_sagas_only(self) -> None:
        journal, others = await self.journal(), [uuid4(), uuid4()]
        for saga in (self.saga, *others):
            await self.write(journal, EXECUTED, saga)

        assert await journal.purge([*others, uuid4()]) == 2

        assert await self.find(journal) == EXECUTED
        assert await journal.sagas(UUID(int=0), 10) == [self.saga]

    async def test_sagas_are_listed_in_the_order_of_their_ids_from_one_on(self) -> None:
        journal, sagas = await self.journal(), sorted((uuid4() for _ in range(3)), key=lambda saga: saga.int)
        for saga in sagas:
            await self.write(journal, EXECUTED, saga)

        assert await journal.sagas(UUID(int=0), 2) == sagas[:2]
        assert await journal.sagas(sagas[1], 2) == sagas[2:]

    async def test_closing_twice_is_harmless(self) -> None:
        journal = await self.journal()
        await journal.close()
        await journal.close()

    async def _mark(self, journal: Journal, mark: Mark) -> Mark | None:
        """Returns the mark that the row had."""
        async with journal.transaction() as transaction:
            row = await transaction.find(self.saga, 0)
            await transaction.mark(self.saga, 0, mark)
        return None if row is None else row.mark

    async def _fail(self, journal: Journal) -> None:
        async with journal.transaction() as transaction:
            await self.make_effect(transaction.connection, "reserved")
            await transaction.write(self.saga, 0, EXECUTED)
            raise ZeroDivisionError


class _WrittenBefore(Exception):
    """Another transaction has written the row."""
