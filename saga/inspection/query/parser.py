"""Reads a query: `definition:order is:stuck service:payments,inventory -tag.region:eu age:>10m reason:"card declined"`.

Terms are separated by spaces, and all have to hold; `-` before a term negates it. Of several values, separated by commas, one has to
fit. A pure function.
"""

from __future__ import annotations

import re
from typing import Final

from saga.core.text import storable
from saga.errors import UsageError
from saga.inspection.query.names import reader_of
from saga.inspection.query.terms import Query, Term, Value

QUERY_BYTES_MAX: Final = 1024
TERMS_MAX: Final = 20
EXCERPT_CHARS: Final = 40
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_HEAD: Final = re.compile(rf'\s*(-?)([A-Za-z][\w-]*)(?:\.({_QUOTED}|[^\s:",]+))?:', re.DOTALL)
_VALUE: Final = re.compile(rf'(>=|<=|>|<)?({_QUOTED}|[^\s",]+)(,|\Z|(?=\s))', re.DOTALL)


def parse(text: str, now: float) -> Query:
    """Reads a query. `now`: seconds since the epoch, for times that are written from now.

    Raises:
        UsageError: the query is too long, or a term is not readable; the message names it and lists what is known.
    """
    if len(text.encode(errors="replace")) > QUERY_BYTES_MAX:
        raise UsageError(f"a query has at most {QUERY_BYTES_MAX:,} bytes")
    if storable(text) != text:
        raise UsageError("a query is text without NUL or unpaired surrogates")
    terms, position = list[Term](), 0
    while text[position:].strip():
        term, position = _term(text, position, now)
        terms.append(term)
    if len(terms) > TERMS_MAX:
        raise UsageError(f"a query has at most {TERMS_MAX} terms, not {len(terms)}")
    return Query(tuple(terms))


def _term(text: str, position: int, now: float) -> tuple[Term, int]:
    head = _HEAD.match(text, position)
    if head is None:
        raise UsageError(f"{_excerpt(text, position)!r} is not a term: write NAME:VALUE, for example is:stuck")
    minus, name, argument = head[1], head[2].lower(), None if head[3] is None else _plain(head[3])
    read, values, position = reader_of(name, argument), list[Value](), head.end()
    is_last = False
    while not is_last:
        found = _VALUE.match(text, position)
        if found is None:
            raise UsageError(f"{name}: {_excerpt(text, position)!r} is not a value: quote a text with spaces or commas")
        try:
            values.append(read(found[1] or "", _plain(found[2]), now))
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
        position, is_last = found.end(), found[3] != ","
    return Term(name, argument, tuple(values), bool(minus)), position


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text.startswith('"') else text


def _excerpt(text: str, position: int) -> str:
    return text[position:].strip()[:EXCERPT_CHARS]
