"""Keys in the order of their due times."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from saga.memory.data.due_queue import STALE_ENTRIES_MAX, DueQueue

EVERY: Callable[[int], bool] = lambda _: True  # noqa: E731


@given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(0, 20)))), st.integers(0, 20))
def test_what_is_due_is_what_a_table_would_say(moves: list[tuple[int, int | None]], now: int) -> None:
    queue, table = DueQueue[int](), dict[int, int]()
    for key, at in moves:
        if at is None:
            queue.discard(key)
            table.pop(key, None)
        else:
            queue.put(key, at)
            table[key] = at

    due = queue.due(now, 100, EVERY)

    assert sorted(due) == sorted(key for key, at in table.items() if at <= now)
    assert [table[key] for key in due] == sorted(table[key] for key in due)
    assert queue.due(now, 100, EVERY) == due
    assert len(queue) == len(table)


def test_equal_times_keep_their_order() -> None:
    queue = DueQueue[int]()
    for key in (3, 1, 2):
        queue.put(key, 5.0)

    assert queue.due(5.0, 2, EVERY) == [3, 1]


def test_what_is_not_wanted_stays_and_does_not_count() -> None:
    queue = DueQueue[int]()
    for key in range(4):
        queue.put(key, key)

    assert queue.due(9, 2, lambda key: key % 2 == 1) == [1, 3]
    assert queue.due(9, 9, EVERY) == [0, 1, 2, 3]


def test_moved_times_do_not_fill_the_memory() -> None:
    queue = DueQueue[int]()

    for at in range(10 * STALE_ENTRIES_MAX):
        queue.put(0, at)

    assert len(queue._heap) <= STALE_ENTRIES_MAX + 3
    assert queue.due(at, 1, EVERY) == [0]
