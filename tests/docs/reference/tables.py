"""docs/reference/tables.md, from the comments in a migrated database."""

from __future__ import annotations

from typing import Final

import asyncpg

from tests.docs.reference.markdown import AGAIN, table

_RELATIONS: Final = """
select c.oid, c.relname, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), '') as comment
from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
order by c.relkind = 'v', c.oid"""
_COLUMNS: Final = """
select a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
       coalesce(col_description(a.attrelid, a.attnum), '') as comment
from pg_attribute a where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum"""
_FUNCTIONS: Final = """
select p.proname, coalesce(obj_description(p.oid, 'pg_proc'), '') as comment
from pg_proc p where p.pronamespace = $1::regnamespace order by 1"""


async def tables(connection: asyncpg.Connection[asyncpg.Record], schema: str) -> str:
    relations = await connection.fetch(_RELATIONS, schema)
    sections = {"v": list[str](), "r": list[str]()}
    for relation in relations:
        columns = await connection.fetch(_COLUMNS, relation["oid"])
        kind = "v" if relation["relkind"] == "v" else "r"
        sections[kind].append(_section(relation, columns, is_view=kind == "v"))
    functions = await connection.fetch(_FUNCTIONS, schema)
    rows = [(f"`{row['proname']}`", row["comment"]) for row in functions]
    views, own = "\n\n".join(sections["v"]), "\n\n".join(sections["r"])
    return f"""\
# Tables

Generated from the comments in a migrated database. {AGAIN}

They are in the schema of the namespace, `saga` by default. People read the views. Only the framework writes the tables, and it relies on
that. `saga show` and `saga why` answer most questions ([operate](../how-to/operate.md#watch-it)). The database of a journaled service
has one more table, `saga_journal`; its comments are in `saga_postgres/sql/journal.sql`.

## Views

{views}

## Tables

{own}

## Functions

Each call of the framework is one of these.

{table(("Function", "What it does"), rows)}
"""


def _section(relation: asyncpg.Record, columns: list[asyncpg.Record], *, is_view: bool) -> str:
    if is_view:
        rows = [(f"`{column['attname']}`", column["type"], column["comment"]) for column in columns]
        shown = table(("Column", "Type", "Meaning"), rows)
    else:
        wide = [
            (f"`{column['attname']}`", column["type"], "" if column["attnotnull"] else "yes", column["comment"])
            for column in columns
        ]
        shown = table(("Column", "Type", "May be null", "Meaning"), wide)
    return f"### {relation['relname']}\n\n{relation['comment']}\n\n{shown}"
