"""The form of the pages: length, titles, wrapping, the changelog, the decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.page import ROOT, Page, page, pages
from tests.test_layout import MACHINE_PATH

README_LINES_MAX = 150
FIRST_SCREEN_LINES = 55
LINE_CHARS_MAX = 145
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE)
HEAD = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
ADR = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
PAGES_WITH_PLACES = [
    "docs/concepts/protocol.md",
    "docs/contributing/architecture.md",
    "docs/contributing/code-shaped-by-speed.md",
]
NOT_IN_THE_CODE = {"SAGA_LOCAL_SOCKET"}
"""A setting's name in the environment is made of parts."""
ADR_PARTS = ["Context", "Decision", "Consequences", "What else was considered"]
DECISIONS = sorted(path for path in (ROOT / "docs/adr").glob("*.md") if path.name != "README.md")


def test_the_readme_is_short() -> None:
    assert len(page("README.md").text.splitlines()) <= README_LINES_MAX


def test_the_readme_begins_with_one_sentence_and_a_program() -> None:
    title, sentence, *_ = page("README.md").text.split("\n\n")
    first = "\n".join(page("README.md").text.splitlines()[:FIRST_SCREEN_LINES])

    assert title == "# Saga"
    assert sentence.count(".") == 1
    assert "# shop.py" in first
    assert "$ saga dev shop.py" in first


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_a_page_names_no_machine_and_no_address(found: Page) -> None:
    assert MACHINE_PATH.findall(found.text) == []
    assert ADDRESS.findall(re.sub(r"\w+://\S+", "", found.text)) == []


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_a_page_begins_with_its_title_and_has_no_other(found: Page) -> None:
    titles = re.findall(r"^# .+$", found.prose(), re.MULTILINE)

    assert len(titles) == 1
    assert found.text.startswith(titles[0])


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_lines_of_prose_are_wrapped(found: Page) -> None:
    """Rows of tables cannot be wrapped, and generated pages are not."""
    if "Generated from" in found.text[:300]:
        return
    long = [line for line in found.prose().splitlines() if len(line) > LINE_CHARS_MAX and not line.startswith("|")]

    assert long == []


def test_the_changelog_keeps_its_format() -> None:
    heads = [line for line in page("CHANGELOG.md").text.splitlines() if line.startswith("## ")]
    kinds = re.findall(r"^### (.+)$", page("CHANGELOG.md").text, re.MULTILINE)
    versions = [match["version"] if (match := HEAD.match(head)) else head for head in heads]

    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions[1:])
    assert set(kinds) <= KINDS


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts_and_fits_a_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    number = path.name[:4]

    assert ADR.fullmatch(path.name)
    assert text.startswith(f"# {number} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ADR_PARTS
    assert len(text.splitlines()) <= 60


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", page("docs/adr/README.md").text)

    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert listed == [path.name for path in DECISIONS]


def test_every_guard_and_rule_is_on_the_page_of_the_protocol() -> None:
    text = page("docs/concepts/protocol.md").text

    assert re.findall(r"^\| (G\d+) \|", text, re.MULTILINE) == [f"G{n}" for n in [*range(1, 47), 135, 136]]
    assert {f"E{n}" for n in range(1, 14)} <= set(re.findall(r"^\| (E\d+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", PAGES_WITH_PLACES)
def test_every_place_that_a_page_about_the_code_names_exists(name: str) -> None:
    """Modules are found by path; classes, functions and SQL functions by their names, anywhere in the code."""
    names = [quoted for quoted in page(name).inline_code() if not quoted.endswith((".py", ".sql", ".md", ".toml"))]
    parts = [part for quoted in names for part in quoted.removesuffix("()").split(".")]
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("saga", "adapters")
        for kind in ("*.py", "*.sql")
        for path in (ROOT / folder).rglob(kind)
    )
    words = {part for part in parts if re.fullmatch(r"_{0,2}[A-Za-z_]{3,}", part)} - NOT_IN_THE_CODE

    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", code)] == []


def test_every_module_that_a_page_names_exists() -> None:
    """A path with capitals in it is a pattern."""
    named = {
        (found.name, path)
        for found in pages()
        for path in re.findall(r"`((?:saga|saga_[a-z]+|tests|examples|adapters|docs)/[\w/.-]+)`", found.text)
        if "NAME" not in path and "NNNN" not in path
    }

    places = (ROOT, ROOT / "adapters")
    assert [(name, path) for name, path in sorted(named) if not any((root / path).exists() for root in places)] == []
