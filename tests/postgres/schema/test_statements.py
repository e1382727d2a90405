"""Statements in files: each is named, has a purpose, and is used; modules hold only short ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from saga_postgres.statements import sections, statements, with_includes
from tests.docs.page import ROOT

PACKAGE = ROOT / "adapters" / "saga_postgres"
FILES = sorted((PACKAGE / "sql" / "statements").glob("*.sql"))
LINES_MAX = 2
STATEMENT = re.compile(r"^\s*(select|insert|update|delete|with|create)\s")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_statement_is_used_and_has_a_line_of_purpose(file: Path) -> None:
    module = next(
        PACKAGE / match[1] for match in re.finditer(r"^-- Statements of (\S+)\.$", file.read_text(), re.MULTILINE)
    )

    used = set(re.findall(r'_SQL\["(\w+)"\]', module.read_text()))

    assert statements(file.stem).keys() == used
    assert len(re.findall(r"^-- name: \w+\n-- [A-Z]", file.read_text(), re.MULTILINE)) == len(used)


@pytest.mark.parametrize(
    "module", sorted(PACKAGE.rglob("*.py")), ids=lambda module: module.relative_to(PACKAGE).as_posix()
)
def test_a_long_statement_is_in_a_file(module: Path) -> None:
    texts = [node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)]

    assert [
        text for text in texts if isinstance(text, str) and STATEMENT.match(text) and text.count("\n") >= LINES_MAX
    ] == []


def test_a_statement_comes_without_the_comment_above_it_and_with_those_inside() -> None:
    text = "-- About the file.\n\n-- name: one\n-- What for.\n-- And why.\nselect 1  -- the first\n\n-- name: two\nselect\n    2\n"

    assert sections(text) == {"one": "select 1  -- the first", "two": "select\n    2"}


def test_a_part_is_included_with_the_indentation_of_its_line_and_may_include_others() -> None:
    parts = {"outer": "a\n-- include: inner", "inner": "b\nc"}

    assert with_includes("begin\n    -- include: outer\nend", parts) == "begin\n    a\n    b\n    c\nend"
