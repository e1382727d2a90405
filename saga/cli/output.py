"""The output of commands: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table

WIDE_COLUMNS: Final = 110


@dataclass(frozen=True, slots=True)
class Page:
    """The answer of a command that reads: what people see, and the document that programs get."""

    parts: Sequence[RenderableType]
    document: Any


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
        console.print(part, soft_wrap=isinstance(part, str), markup=not isinstance(part, str))


def print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False))
