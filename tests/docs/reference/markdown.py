"""Tables and generated regions of a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

Row = Iterable[object]
AGAIN: Final = "`SAGA_REWRITE=1 pytest tests/docs` writes it again."


def table(titles: Row, rows: Iterable[Row]) -> str:
    lines = [" | ".join(map(str, titles)), " | ".join("---" for _ in titles)]
    lines += [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(f"| {line} |".replace("|  |", "| |") for line in lines)


def with_regions(text: str, regions: dict[str, str]) -> str:
    """Replaces each generated region, between its marks, by its new text."""
    for name, body in regions.items():
        mark = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(text):
            raise LookupError(f"no place for {name}")
        before, after = mark.split(text, maxsplit=1)[::3]
        text = f"{before}<!-- generated: {name} -->\n\n{body}\n\n<!-- end -->{after}"
    return text
