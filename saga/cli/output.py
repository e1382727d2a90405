"""The output of commands: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table

from saga.core.text import INVISIBLE, visible_lines

WIDE_COLUMNS: Final = 110


@dataclass(frozen=True, slots=True)
class Page:
    """The answer of a command that reads: what people see, and the document that programs get."""

    parts: Sequence[RenderableType]
    document: Any


class _Visible:
    """A part of a page in which texts from a saga cannot act on the terminal."""

    def __init__(self, part: RenderableType) -> None:
        self._part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._part, options):
            yield segment if segment.control else Segment(visible_lines(segment.text), segment.style)


class Columns:
    """A table that omits columns on a narrow terminal."""

    def __init__(self, narrow: Table, wide: Table) -> None:
        self._narrow = narrow
        self._wide = wide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._wide if options.max_width >= WIDE_COLUMNS else self._narrow


def table(*titles: str) -> Table:
    """An empty table without lines, with these columns."""
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        made.add_column(title, overflow="fold")
    return made


def print_page(page: Page, *, as_json: bool) -> None:
    if as_json:
        print_json(page.document)
        return
    console = Console(soft_wrap=False, highlight=False)
    for part in page.parts:
        console.print(
            _Visible(part) if not isinstance(part, str) else visible_lines(part),
            soft_wrap=isinstance(part, str),
            markup=not isinstance(part, str),
        )


def print_json(document: Any) -> None:
    print(INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(document, ensure_ascii=False)))


def say(text: str, *, is_answer: bool = True, end: str = "\n") -> None:
    """Prints lines for people; with `is_answer=False` on stderr. What comes from a saga cannot act on their terminal."""
    print(visible_lines(text), end=end, file=sys.stdout if is_answer else sys.stderr, flush=True)
