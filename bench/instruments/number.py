"""Asks Postgres for one number."""

from __future__ import annotations

from typing import Any

import psycopg


def number(connection: psycopg.Connection[Any], query: str, *values: object) -> int:
    """Returns the only column of the first row of this query.

    Raises:
        LookupError: the query has no row.
    """
    row = connection.execute(query.encode(), values or None).fetchone()
    if row is None:
        raise LookupError(f"no row: {query}")
    return int(row[0])
