"""The fair gate: many entries side by side, or one alone, in order of arrival."""

from __future__ import annotations

import asyncio

from saga.runtime.timing.fair_gate import FairGate


async def test_many_run_side_by_side() -> None:
    turns = FairGate()

    began = [await came(turns) for _ in range(3)]

    assert all(task.done() for task in began)


async def test_no_more_run_at_once_than_are_allowed() -> None:
    turns = FairGate(2)
    assert turns.try_enter()
    assert turns.try_enter()
    assert not turns.try_enter()
    third, fourth = await came(turns), await came(turns)

    turns.leave()

    assert await done(third)
    assert not await done(fourth)
    assert not turns.try_enter()
    fourth.cancel()
    assert await done(fourth)
    turns.leave()
    assert turns.try_enter()


async def test_an_exclusive_entry_waits_for_running_ones() -> None:
    turns = FairGate()
    for _ in range(2):
        await turns.enter(alone=False)

    suspect = await came(turns, alone=True)

    assert not await done(suspect)
    turns.leave()
    assert not await done(suspect)
    turns.leave()
    assert await done(suspect)


async def test_nothing_enters_beside_an_exclusive_entry() -> None:
    turns = FairGate()
    await turns.enter(alone=True)

    others = [await came(turns), await came(turns)]

    assert not await done(*others)
    turns.leave()
    assert await done(*others)


async def test_two_exclusive_entries_run_one_after_the_other() -> None:
    turns = FairGate()
    await turns.enter(alone=True)

    second = await came(turns, alone=True)

    assert not await done(second)
    turns.leave()
    assert await done(second)


async def test_later_entries_queue_behind_a_waiting_exclusive_entry() -> None:
    turns = FairGate()
    await turns.enter(alone=False)
    suspect = await came(turns, alone=True)

    later = await came(turns)

    assert not await done(later)
    turns.leave()
    assert await done(suspect)
    assert not await done(later)
    turns.leave()
    assert await done(later)


async def test_a_cancelled_entry_holds_nothing_back() -> None:
    turns = FairGate()
    await turns.enter(alone=False)
    suspect = await came(turns, alone=True)
    later = await came(turns)

    suspect.cancel()

    assert await done(later)


async def test_an_entry_cancelled_at_its_turn_admits_the_next() -> None:
    turns = FairGate()
    await turns.enter(alone=False)
    suspect = await came(turns, alone=True)
    later = await came(turns)

    turns.leave()
    suspect.cancel()

    assert await done(later)
    assert suspect.cancelled()


async def test_an_entry_that_is_turned_away_and_cancelled_at_once_frees_no_place() -> None:
    turns = FairGate(1)
    await turns.enter()
    waiting = await came(turns)

    turns.close()
    waiting.cancel()
    await done(waiting)
    turns.open()

    assert waiting.cancelled()
    assert not turns.try_enter()


async def came(turns: FairGate, *, alone: bool = False) -> asyncio.Task[None]:
    """A task that enters the gate."""
    task = asyncio.create_task(turns.enter(alone=alone))
    await asyncio.sleep(0)
    return task


async def done(*tasks: asyncio.Task[None]) -> bool:
    """Returns whether all of them have entered, after a few turns of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)
    return all(task.done() for task in tasks)
