"""The progress of a group: the watermark, and the note of what is done beyond it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saga_kafka.offset_tracker import NOTE_CHARS_MAX, Note, OffsetTracker


def progress_at(count: int, note: Note | None = None, *, first: int = 0) -> OffsetTracker:
    progress = OffsetTracker(first, note or Note())
    for offset in range(first, first + count):
        progress.try_begin(offset)
    return progress


def test_the_watermark_stays_at_the_first_open_offset() -> None:
    progress = progress_at(5)

    for offset in (1, 2, 4):
        progress.finish(offset)
    assert progress.watermark == 0

    progress.finish(0)
    assert progress.watermark == 3


def test_when_everything_is_done_there_is_no_note() -> None:
    progress = progress_at(3, first=7)

    for offset in (8, 7, 9):
        progress.finish(offset)

    assert (progress.watermark, progress.note()) == (10, "")


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_after_a_restart_exactly_the_open_offsets_are_delivered_again(
    first_done: set[int], then_done: set[int]
) -> None:
    first = progress_at(31)
    for offset in first_done:
        first.finish(offset)

    second = OffsetTracker(first.watermark, Note.read(first.note(), first.watermark))
    again = {offset for offset in range(first.watermark, 31) if second.try_begin(offset)}
    assert again == set(range(31)) - first_done

    for offset in then_done & again:
        second.finish(offset)
    third = OffsetTracker(second.watermark, Note.read(second.note(), second.watermark))
    assert {offset for offset in range(second.watermark, 31) if third.try_begin(offset)} == again - then_done


@given(st.integers(1, 30), st.sets(st.integers(0, 30)))
def test_offsets_not_fetched_again_before_the_next_restart_are_not_forgotten(fetched: int, done: set[int]) -> None:
    first = progress_at(31)
    for offset in done:
        first.finish(offset)
    second = OffsetTracker(first.watermark, Note.read(first.note(), first.watermark))
    taken = [offset for offset in range(first.watermark, first.watermark + fetched) if second.try_begin(offset)]
    for offset in taken:
        second.finish(offset)

    third = OffsetTracker(second.watermark, Note.read(second.note(), second.watermark))
    again = {offset for offset in range(second.watermark, 31) if third.try_begin(offset)}

    assert again == set(range(31)) - done - set(taken)


def test_a_note_fits_into_a_commit_and_the_rest_is_delivered_again() -> None:
    progress = progress_at(20_000)
    for offset in range(1, 20_000, 2):
        progress.finish(offset)

    note = progress.note()

    assert len(note) <= NOTE_CHARS_MAX + 20
    later = OffsetTracker(0, Note.read(note, 0))
    again = {offset for offset in range(20_000) if later.try_begin(offset)}
    assert again >= set(range(0, 20_000, 2))
    assert len(again) < 20_000


def test_a_note_of_another_program_is_ignored() -> None:
    for text in ("", "written by a tool", "saga1", "saga1 x 0-1", "saga1 5 1-2-3", "saga2 5 0-1"):
        assert Note.read(text, 10) == Note()


def test_a_note_with_a_huge_range_costs_nothing() -> None:
    progress = OffsetTracker(0, Note.read("saga1 1000000000000 0-999999999999", 0))

    assert progress.try_begin(0)
    progress.finish(0)

    assert len(progress.note()) < 100
