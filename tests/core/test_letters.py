"""The letters of the state vector are spelled in one place; code uses their names, and SQL says the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from saga.core.state import letters
from saga.core.state.letters import LETTERS, WORDS
from saga.core.state.mode import Mode
from saga.core.state.phase import TERMINAL_PHASES, Phase
from saga.ports.journal import Mark

ROOT: Final = Path(__file__).parents[2]
MAY_SPELL_LETTERS: Final = ("saga/core/state/", "saga/history/", "saga/testing/")
OTHER_MEANINGS: Final = {
    ("adapters/saga_postgres/announce/messages.py", "w"): "marks a message to send if the whole batch was written",
    ("adapters/saga_postgres/embedded/child.py", "PG"): "the prefix of libpq's environment variables",
    ("saga/cli/operators/action.py", "?"): "ends a question",
    ("saga/api/ui/pages/sagas.py", "?"): "begins the query of a URL",
    ("adapters/saga_postgres/connection/url.py", "?"): "begins the query of a URL",
    ("saga/core/check/inputs.py", "?"): "ends a suggestion",
    ("saga/core/condition/direct.py", "?"): "the operator of CEL",
    ("saga/core/condition/paths_read.py", "?"): "the operator of CEL",
    ("saga/core/duration.py", "d"): "the unit day",
    ("saga/core/nearest.py", "?"): "ends a suggestion",
    ("saga/inspection/drawing/marks.py", "?"): "an icon",
    ("saga/inspection/drawing/svg.py", "d"): "an attribute of SVG",
    ("saga/inspection/instants.py", "Z"): "the zone UTC",
    ("saga/inspection/wording.py", "d"): "the unit day",
    ("saga/ports/journal.py", "Z"): "a mark of the journal, which is not the saga's vector",
    ("saga/telemetry/endpoint.py", "?"): "begins the query of a URL",
}
"""Texts that consist of letters of the vector but mean something else, by file."""

SQL: Final = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "adapters").rglob("*.sql")}
SETS: Final = (
    *(value for name, value in vars(letters).items() if name.isupper() and isinstance(value, frozenset)),
    frozenset(phase.value for phase in TERMINAL_PHASES),
    frozenset(mark.value for mark in Mark),
)


def texts(path: Path) -> Iterator[str]:
    """Every text in a module that consists of letters of the vector only."""
    for node in ast.walk(ast.parse(path.read_text())):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and text and LETTERS.issuperset(text):
            yield text


def test_code_uses_the_names_of_the_letters() -> None:
    files = {
        path.relative_to(ROOT).as_posix(): path for root in ("saga", "adapters") for path in (ROOT / root).rglob("*.py")
    }
    found = {
        (name, text)
        for name, path in files.items()
        if not name.startswith(MAY_SPELL_LETTERS) and "/stubs/" not in name
        for text in texts(path)
    }

    assert found == OTHER_MEANINGS.keys()


def cases(function: str) -> dict[str, str]:
    """The branches of a CASE in a SQL function: what is compared, and what it becomes."""
    (body,) = [
        found[1]
        for text in SQL.values()
        if (found := re.search(rf"function {function}\(.*?\$\$(.*?)\$\$", text, re.DOTALL))
    ]
    return dict(re.findall(r"when '(.)' then '([^']*)'", body))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("letter_word", WORDS),
        ("phase_word", {phase.value: phase.name.lower() for phase in Phase}),
        ("mode_word", {mode.value: mode.name.lower() for mode in Mode}),
    ],
)
def test_sql_has_the_words_of_the_core(function: str, words: dict[str, str]) -> None:
    assert cases(function) == words


def test_every_set_of_letters_in_sql_is_a_set_of_the_core() -> None:
    """A set is written as `letter in ('S', 'N')` or `vector ~ '[dwuk]'`."""
    listed = re.compile(r"in \(('.'(?:, ?'.')+)\)")
    matched = re.compile(rf"'\[([{''.join(sorted(LETTERS - {'?'}))}]+)\]'")
    found = {
        (name, frozenset(letters))
        for name, text in SQL.items()
        for letters in (*(re.findall(r"'(.)'", group) for group in listed.findall(text)), *matched.findall(text))
    }

    assert [(name, sorted(letters)) for name, letters in found if letters not in SETS] == []
    assert {frozenset(letters) for _, letters in found} >= {letters.QUARANTINED_LETTERS, letters.UNDER_WAY_LETTERS}
