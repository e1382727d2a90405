"""The judge of elections finds every violation."""

from __future__ import annotations

from pathlib import Path

from tests.election.history import Note, faults, notes_in


def leads(at: float, term: int, until: float) -> Note:
    return Note(at, "leads", term, until)


def test_successive_leaders_are_correct() -> None:
    books = {"a": [leads(1, 1, 4), leads(2, 1, 5), Note(3, "acts")], "b": [leads(5.1, 2, 8), Note(5.2, "acts")]}

    assert faults(books, {}) == []


def test_two_leaders_that_trust_themselves_at_once_are_a_violation() -> None:
    (fault,) = faults({"a": [leads(1, 1, 4), leads(2, 1, 5)], "b": [leads(4.9, 2, 8)]}, {})

    assert "begins before" in fault


def test_a_candidate_that_notes_the_end_no_longer_trusts_itself() -> None:
    assert faults({"a": [leads(1, 1, 4), Note(2, "over", 1)], "b": [leads(2.1, 2, 8)]}, {}) == []


def test_a_dead_candidate_no_longer_trusts_itself() -> None:
    books = {"a": [leads(1, 1, 4)], "b": [leads(2.1, 2, 8)]}

    assert faults(books, {"a": 2.0}) == []
    assert faults(books, {}) != []


def test_a_repeated_term_is_a_violation() -> None:
    (fault,) = faults({"a": [leads(1, 2, 4)], "b": [leads(5, 2, 8)]}, {})

    assert "is not above" in fault


def test_acting_without_leading_is_a_violation() -> None:
    assert faults({"a": [leads(1, 1, 4), Note(4.1, "acts")]}, {}) == ["a acts at 4.100, when it does not lead"]


def test_an_incomplete_line_is_not_read(tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.write_text('{"at": 1.0, "what": "leads", "term": 1, "until": 4.0}\n{"at": 2.0, "wh')

    assert notes_in(book) == [leads(1, 1, 4)]
