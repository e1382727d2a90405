"""The checkpoint never covers an open record, and follows the acknowledgements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saga_kinesis.readers.sequence_tracker import SequenceTracker


def test_the_checkpoint_waits_for_the_oldest_record() -> None:
    progress = SequenceTracker()
    for sequence in (5, 6, 9):
        assert progress.try_begin(sequence)

    progress.acknowledge(6)
    assert (progress.checkpoint, progress.beyond, progress.unacknowledged) == (None, [6], 3)

    progress.acknowledge(5)
    assert (progress.checkpoint, progress.beyond, progress.unacknowledged) == (6, [], 1)


def test_records_acknowledged_beyond_the_checkpoint_are_not_handed_out_again() -> None:
    progress = SequenceTracker(4, [6])

    assert [progress.try_begin(sequence) for sequence in (5, 6, 7)] == [True, False, True]
    progress.acknowledge(5)
    assert (progress.checkpoint, progress.beyond) == (6, [])


def test_acknowledging_twice_or_late_changes_nothing() -> None:
    progress = SequenceTracker()
    progress.try_begin(1)
    progress.acknowledge(1)
    changes = progress.changes

    progress.acknowledge(1)

    assert (progress.checkpoint, progress.beyond, progress.changes) == (1, [], changes)


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_a_successor_reads_exactly_what_is_not_acknowledged(count: int, random: object) -> None:
    order = list(range(count))
    getattr(random, "shuffle")(order)  # noqa: B009 (hypothesis's own kind of random)
    acknowledged = order[: count // 2]
    progress = SequenceTracker()
    for sequence in range(count):
        progress.try_begin(sequence)
    for sequence in acknowledged:
        progress.acknowledge(sequence)

    successor = SequenceTracker(progress.checkpoint, progress.beyond)
    start = 0 if progress.checkpoint is None else progress.checkpoint + 1
    again = [sequence for sequence in range(start, count) if successor.try_begin(sequence)]

    assert set(again) == set(range(count)) - set(acknowledged)
    for sequence in again:
        successor.acknowledge(sequence)
    assert (successor.checkpoint, successor.beyond, successor.unacknowledged) == (count - 1, [], 0)
