"""A Markdown page in its parts: fenced blocks, headings, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_FILE = re.compile(r"(?:#|--) (?P<name>[\w.-]+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `marks` are the words after its language; they tell a test how to treat it."""

    page: str
    line: int
    language: str
    marks: frozenset[str]
    body: str

    @property
    def file_name(self) -> str | None:
        """The name of the file that it stands for, if its first line is a comment with only a file name."""
        match = _FILE.match(self.body)
        return match["name"] if match else None


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    text: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    def blocks(self) -> Iterator[Block]:
        for match in _FENCE.finditer(self.text):
            language, *marks = match["info"].split() or [""]
            line = self.text.count("\n", 0, match.start()) + 1
            body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
            yield Block(self.name, line, language, frozenset(marks), body)

    def prose(self) -> str:
        """Returns the text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def inline_code(self) -> list[str]:
        return [match[1].replace("\\|", "|") for match in _INLINE.finditer(self.prose())]

    def links(self) -> list[str]:
        return [match["target"] for match in _LINK.finditer(self.prose())]

    def anchors(self) -> set[str]:
        """Returns the names by which links address the headings."""
        found: set[str] = set()
        for match in _HEADING.finditer(self.prose()):
            anchor = slug(match[1])
            number = 0
            while (numbered := anchor if number == 0 else f"{anchor}-{number}") in found:
                number += 1
            found.add(numbered)
        return found


def slug(heading: str) -> str:
    """Follows GitHub: lower case, hyphens for spaces, and nothing else but letters, digits, hyphens and _."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def pages() -> list[Page]:
    """Returns every page for people: at the root, and below docs/ and examples/."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return [page(path.relative_to(ROOT).as_posix()) for path in sorted(paths)]


def page(name: str) -> Page:
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))
