"""Named parts of SQL files: `-- name: find_newest`, a comment with its purpose, and the SQL up to the next name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

SQL: Final = files("saga_postgres") / "sql"
_NAME: Final = re.compile(r"^-- name: (\w+)\n(?:--.*\n)*", re.MULTILINE)
_INCLUDE: Final = re.compile(r"^( *)-- include: (\w+)$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """The SQL of each named part, without the comment above it."""
    _, *found = _NAME.split(text)
    return dict(zip(found[::2], (sql.strip() for sql in found[1::2]), strict=True))


def statements(name: str) -> Mapping[str, str]:
    """The statements of `sql/statements/{name}.sql`, by their names."""
    return sections((SQL / "statements" / f"{name}.sql").read_text(encoding="utf-8"))


def with_includes(text: str, parts: Mapping[str, str]) -> str:
    """Replaces each line `-- include: name` by that part, with the indentation of the line."""

    def part(match: re.Match[str]) -> str:
        lines = with_includes(parts[match[2]], parts).splitlines()
        return "\n".join(match[1] + line for line in lines)

    return _INCLUDE.sub(part, text)
