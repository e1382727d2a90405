"""The page about the state machine is what the tables say. SAGA_REWRITE=1 writes it again."""

from __future__ import annotations

import os
from pathlib import Path

from saga.core.state.diagram import state_machine
from saga.core.state.letters import LETTERS, WORDS
from saga.core.state.transitions import PHASE_TRANSITIONS, STEP_TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "state_machine.md"


def test_the_page_about_the_state_machine_matches_the_tables() -> None:
    generated = state_machine()
    if os.environ.get("SAGA_REWRITE") == "1":
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(generated)

    assert PAGE.read_text() == generated


def test_every_letter_has_a_word_of_its_own() -> None:
    assert WORDS.keys() == LETTERS
    assert len(set(WORDS.values())) == len(LETTERS)


def test_every_transition_is_on_the_page() -> None:
    page = state_machine()

    assert [row for row in PHASE_TRANSITIONS if f"{row.before.name} --> {row.after.name}: {row.rule}" not in page] == []
    assert [row for row in STEP_TRANSITIONS if row.rule not in page] == []


def test_no_transition_stands_twice_in_a_table() -> None:
    rows = [(row.before, row.after, row.phase, mode) for row in STEP_TRANSITIONS for mode in row.modes]

    assert len(set(rows)) == len(rows)
