"""Transactions over memory: what a transactional step is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from saga.errors import Conflict
from saga.memory.data.database import Database
from saga.memory.data.transaction import Transaction
from saga.testing.clocks.hand_clock import HandClock
from saga.testing.suites.timeout import soon


@pytest.fixture
def database() -> Database:
    return Database(HandClock(0.0), epoch=0.0)


async def test_a_row_is_written_at_the_end(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.put("stock", 7)
        assert await transaction.get("stock") == 7
        assert database.rows == {}

    assert database.rows == {"stock": 7}


async def test_an_exception_writes_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await _fail_after_writing(database)

    assert database.rows == {}


async def test_none_deletes_a_row(database: Database) -> None:
    database.rows["stock"] = 7

    async with database.transaction() as transaction:
        await transaction.put("stock", None)
        assert await transaction.get("stock") is None

    assert database.rows == {}


async def test_a_savepoint_undoes_what_was_done_in_it(database: Database) -> None:
    told: list[str] = []

    async with database.transaction() as transaction:
        await transaction.put("stock", 7)
        transaction.then(lambda: told.append("kept"))
        with pytest.raises(ZeroDivisionError):
            await _fail_in_savepoint(transaction, lambda: told.append("undone"))
        await transaction.put("shipped", 1)

    assert database.rows == {"stock": 7, "shipped": 1}
    assert told == ["kept"]


async def test_two_transactions_that_change_one_row_do_so_one_after_the_other(database: Database) -> None:
    database.rows["stock"] = 10

    async def take_one() -> None:
        async with database.transaction() as transaction:
            stock = await transaction.get("stock")
            await asyncio.sleep(0)
            await transaction.put("stock", stock - 1)

    await soon(asyncio.gather(*(take_one() for _ in range(5))))

    assert database.rows == {"stock": 5}


async def test_a_transaction_that_is_cancelled_while_it_waits_takes_nothing(database: Database) -> None:
    async def change(key: str) -> None:
        async with database.transaction() as transaction:
            await transaction.put(key, 1)

    async with database.transaction() as holder:
        await holder.put("stock", 7)
        waiting = asyncio.create_task(change("stock"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    await soon(change("other"))
    assert database.rows == {"stock": 7, "other": 1}


async def test_transactions_that_wait_for_each_other_are_told_apart(database: Database) -> None:
    async def change(first: str, second: str) -> None:
        async with database.transaction() as transaction:
            await transaction.put(first, 1)
            await asyncio.sleep(0)
            await transaction.put(second, 1)

    outcomes = await soon(asyncio.gather(change("a", "b"), change("b", "a"), return_exceptions=True))

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict]
    assert database.rows == {"a": 1, "b": 1}


async def _fail_in_savepoint(transaction: Transaction, change: Callable[[], None]) -> None:
    async with transaction.transaction():
        await transaction.put("stock", 99)
        transaction.then(change)
        raise ZeroDivisionError


async def _fail_after_writing(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.put("stock", 7)
        raise ZeroDivisionError
