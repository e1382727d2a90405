"""The texts of the project keep docs/contributing/language.md, as far as a machine can judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.language import RULES, files, places
from tests.docs.sentences import texts_of

REFUSED = [
    ('"""What of a commit goes over the socket."""', "free relative"),
    ('"""Where the lease ends."""', "free relative"),
    ('"""Of the commit."""', "fragment"),
    ('def f():\n    """Return the claims."""', "imperative"),
    ("# Who joins again is another process.", "who"),
    ("# A session, whoever opened it.", "whoever"),
    ('raise ValueError("this is no URL")', "is no"),
    ('raise ValueError(f"{name} has not the tables")', "has not"),
    ("# A claim waits for so long.", "so many"),
    ("# It is looked after.", "looked after"),
    ("# Somebody has taken the claim.", "somebody"),
    ("# A list of what became of each saga.", "became of"),
    ("def test_a_time_out_ends_the_attempt(): ...", "noun in two words"),
    ("# The roll-back of a saga.", "hyphen"),
    ("def test_who_leaves_is_gone(): ...", "test name"),
]
ALLOWED = [
    '"""Splits a commit\'s notifications."""',
    '"""When the server drops the session, the claims return to the queue."""',
    '"""Who leads? An election decides."""',
    '@app.command\ndef rollback():\n    """Roll a saga back."""',
    "# There is no leader, and the lease is no longer held.",
    "# It waits so long as the lease holds.",
    "# `is no` is in the code.",
    'NAME = "set_aside"',
]


def test_every_text_keeps_the_rules_of_the_language() -> None:
    found = [str(place) for path in files() for place in places(path)]

    assert found == [], "\n".join(found)


@pytest.mark.parametrize(("source", "rule"), REFUSED)
def test_a_forbidden_turn_is_found(source: str, rule: str, tmp_path: Path) -> None:
    assert rule in _broken_by(source, tmp_path)


@pytest.mark.parametrize("source", ALLOWED)
def test_plain_english_passes(source: str, tmp_path: Path) -> None:
    assert _broken_by(source, tmp_path) == []


def _broken_by(source: str, folder: Path) -> list[str]:
    path = folder / "module.py"
    path.write_text(source, encoding="utf-8")
    return [
        rule.name
        for text in texts_of(path)
        for rule in RULES
        if text.kind in rule.kinds and rule.pattern.search(text.prose)
    ]
