"""Collects the records of the sagas that wait."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from tests.chaos.waits.audit import Kept, Waits
from tests.chaos.waits.correspondent import read_post
from tests.runtime.world import Sql

TABLES: Final = """
create table public.held (saga uuid, amount integer, at timestamptz default clock_timestamp());
create table public.reminded (like public.held including defaults);
create table public.admitted (like public.held including defaults);
create table public.entered (saga uuid, amount integer, at timestamptz, paid integer, extra integer);
create table public.posted (saga uuid, event text, primary key (saga, event));
"""
EFFECTS: Final = ("held", "entered", "admitted")
DEFINITIONS: Final = ("booking", "visa")
_KEPT: Final = """
select i.saga::text, i.id, i.name, convert_from(i.payload, 'UTF8') as payload, extract(epoch from i.at)::float8 as at,
       d.name as step
from inbox i join saga s on s.id = i.saga
left join definition_step d on d.definition = s.definition and d.step = i.consumed_by"""
_STAMPS: Final = (
    "select saga::text, min(extract(epoch from at))::float8 as at from public.{} where amount > 0 group by saga"
)
_ENTRIES: Final = "select saga::text, paid, extra from public.entered where amount > 0"
_ENDED: Final = """
select s.id::text as saga, extract(epoch from s.ended_at)::float8 as at from saga s join definition d on d.id = s.definition
where d.name = any ($1) and s.ended_at is not null"""
_STEPS: Final = """
select d.name, array_agg(t.name order by t.step) as steps from definition d join definition_step t on t.definition = d.id
where d.name = any ($1) group by d.id, d.name"""


async def collect_waits(books: Sql, folder: Path) -> Waits:
    """`books` is a connection to the store, `folder` has the files of the customers."""
    post = read_post(folder)
    kept = [Kept(*row.values()) for row in await books.fetch(_KEPT)]
    stamps = {
        (table, row["saga"]): row["at"]
        for table in (*EFFECTS, "reminded")
        for row in await books.fetch(_STAMPS.format(table))
    }
    return Waits(
        kept=kept,
        stamps=stamps,
        entries={row["saga"]: (row["paid"], row["extra"]) for row in await books.fetch(_ENTRIES)},
        ended={row["saga"]: row["at"] for row in await books.fetch(_ENDED, DEFINITIONS)},
        reminded=Counter(str(row["saga"]) for row in await books.fetch("select saga from public.reminded")),
        steps={row["name"]: row["steps"] for row in await books.fetch(_STEPS, DEFINITIONS)},
        posted=frozenset((str(row["saga"]), row["event"]) for row in await books.fetch("table public.posted")),
        acknowledged=post.acknowledged,
        wrong=post.wrong,
    )
