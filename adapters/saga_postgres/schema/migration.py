"""The SQL files that make a schema.

A source folder has `migrations/0001_name.sql` and so on, each of which is applied once, and may have `functions/*.sql` and `views/*.sql`,
which are run again whenever their text has changed. Parts that several of these share are in `snippets/*.sql`, see `with_includes`.

A file names no schema, since it runs with `search_path` set to the schema asked for, and it runs inside a transaction, so no
`create index concurrently`.

A migration is never changed once released. Its line `-- runs with builds from: 3` promises that processes of builds which know only the
migrations up to 3 go on working: a rolling upgrade needs it. Without that line older builds refuse to start on the schema.

A repeatable file says `create or replace`. A function whose parameters or result change gets a new name, so that processes of the previous
build find theirs; a view may only get more columns, at its end. A release that changes a repeatable file has a new migration as well, if
only to hold the promise: the number of migrations tells which of two builds is newer, and the older one leaves the functions alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from saga.errors import UsageError
from saga_postgres.statements import sections, with_includes

REPEATABLE: Final = ("functions", "views")
"""Folders of repeatable files, in the order in which they are run."""
_FILE: Final = re.compile(r"((\d{4})_[a-z0-9_]+)\.sql")
_PROMISE: Final = re.compile(r"^-- runs with builds from: (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, known or applied; a repeatable one has no number.

    A build that knows the migrations up to `runs_from` may run on the schema after it.
    """

    name: str
    sha256: str
    number: int | None = None
    runs_from: int | None = None
    sql: str = ""


def read_migrations(source: Traversable) -> list[Migration]:
    """The numbered files, in order. Raises UsageError if a number is missing or comes twice."""
    files = [(match, entry) for entry in (source / "migrations").iterdir() if (match := _FILE.fullmatch(entry.name))]
    known = [_migration(match, entry) for match, entry in sorted(files, key=lambda file: file[0][1])]
    if [migration.number for migration in known] != list(range(1, len(known) + 1)):
        found = ", ".join(migration.name for migration in known)
        raise UsageError(f"migrations must be numbered 0001, 0002, ... without a gap or a repetition, but are: {found}")
    return known


def read_repeatable(source: Traversable) -> list[Migration]:
    """The repeatable files, in the order in which they are run."""
    parts: dict[str, str] = {}
    for entry in _sql_files(source / "snippets"):
        parts |= sections(entry.read_text(encoding="utf-8"))
    return [
        _repeatable(f"{folder}/{entry.name.removesuffix('.sql')}", entry, parts)
        for folder in REPEATABLE
        for entry in _sql_files(source / folder)
    ]


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    if folder.is_dir():
        yield from sorted(
            (entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name
        )


def _migration(match: re.Match[str], entry: Traversable) -> Migration:
    sql, number = entry.read_text(encoding="utf-8"), int(match[2])
    promise = _PROMISE.search(sql)
    return Migration(match[1], _hash(sql), number, int(promise[1]) if promise else number, sql)


def _repeatable(name: str, entry: Traversable, parts: dict[str, str]) -> Migration:
    sql = with_includes(entry.read_text(encoding="utf-8"), parts)
    return Migration(name, _hash(sql), sql=sql)


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
