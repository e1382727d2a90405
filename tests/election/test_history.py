"""The judge of elections sees what it is there to see."""

from __future__ import annotations

from pathlib import Path

from tests.election.history import Note, faults, notes_in


def leads(at: float, term: int, until: float) -> Note:
    return Note(at, "leads", term, until)


def test_one_leader_after_the_other_is_flawless() -> None:
    books = {"a": [leads(1, 1, 4), leads(2, 1, 5), Note(3, "acts")], "b": [leads(5.1, 2, 8), Note(5.2, "acts")]}

    assert faults(books, {}) == []


def test_two_who_trust_themselves_at_a_time_are_a_fault() -> None:
    (fault,) = faults({"a": [leads(1, 1, 4), leads(2, 1, 5)], "b": [leads(4.9, 2, 8)]}, {})

    assert "begins before" in fault


def test_who_says_that_it_is_over_trusts_itself_no_more() -> None:
    assert faults({"a": [leads(1, 1, 4), Note(2, "over", 1)], "b": [leads(2.1, 2, 8)]}, {}) == []


def test_who_has_died_trusts_itself_no_more() -> None:
    books = {"a": [leads(1, 1, 4)], "b": [leads(2.1, 2, 8)]}

    assert faults(books, {"a": 2.0}) == []
    assert faults(books, {}) != []


def test_a_term_that_comes_again_is_a_fault() -> None:
    (fault,) = faults({"a": [leads(1, 2, 4)], "b": [leads(5, 2, 8)]}, {})

    assert "is not above" in fault


def test_who_acts_without_leading_is_a_fault() -> None:
    assert faults({"a": [leads(1, 1, 4), Note(4.1, "acts")]}, {}) == ["a acts at 4.100, when it does not lead"]


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.write_text('{"at": 1.0, "what": "leads", "term": 1, "until": 4.0}\n{"at": 2.0, "wh')

    assert notes_in(book) == [leads(1, 1, 4)]
