"""Columns of values as the text literals of PostgreSQL arrays.

Deliberate: the driver's own encoding of arrays asks every element whether it is a container, which was a third of the cost of a step (ADR
0006). The rules for quoting are here and nowhere else. Columns of bytes are not literals: see `batch_parameters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

Row = tuple[str, ...]
NULL: Final = "NULL"


def array_literals(rows: Iterable[Row], width: int) -> list[str]:
    """One array for each of the `width` columns of rows whose values are quoted already."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return ["{}"] * width
    return ["{" + ",".join(column) + "}" for column in columns]


@lru_cache(maxsize=4_096)
def quoted_word(value: str) -> str:
    """A text with few different values: kinds, services, vectors."""
    return quoted_text(value)


def quoted_text(value: str | None) -> str:
    if value is None:
        return NULL
    if value.isalnum() and value.upper() != NULL:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
