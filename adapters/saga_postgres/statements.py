"""SQL statements in files.

A file `sql/statements/NAME.sql` holds the statements of one module, each under a line `-- name: find_newest` and a comment with its
purpose. A statement of up to two lines may stay in the module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

SQL: Final = files("saga_postgres") / "sql"
_NAME: Final = re.compile(r"^-- name: (\w+)\n(?:--.*\n)*", re.MULTILINE)
_INCLUDE: Final = re.compile(r"^( *)-- include: (\w+)$", re.MULTILINE)


def statements(name: str) -> Mapping[str, str]:
    """The statements of `sql/statements/{name}.sql`, by their names."""
    return sections((SQL / "statements" / f"{name}.sql").read_text(encoding="utf-8"))


def sections(text: str) -> dict[str, str]:
    """The SQL under each name, without the comment above it."""
    _, *found = _NAME.split(text)
    return dict(zip(found[::2], (sql.strip() for sql in found[1::2]), strict=True))


def with_includes(text: str, parts: Mapping[str, str]) -> str:
    """Replaces each line `-- include: name` by that part, indented as the line was."""

    def part(match: re.Match[str]) -> str:
        lines = with_includes(parts[match[2]], parts).splitlines()
        return "\n".join(match[1] + line for line in lines)

    return _INCLUDE.sub(part, text)
