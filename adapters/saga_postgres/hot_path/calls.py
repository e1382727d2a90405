"""The calls of the SQL functions of the hot path, with the types of their parameters.

Parameters with a type are text literals, see `array_literals`; those without are encoded by the driver.
"""

from __future__ import annotations

from typing import Final


def _value_of(function: str, *types: str) -> str:
    places = (f"${n}::text::{kind}" if kind else f"${n}" for n, kind in enumerate(types, 1))
    return f"select {function}({', '.join(places)})"


def _rows_of(function: str, *types: str) -> str:
    return _value_of(function, *types).replace("select", "select * from", 1)


_ENCODED: Final = ("",)
_COMMANDS: Final = ("integer[]", "smallint[]", '"char"[]', "text[]", "integer[]", "bigint[]")
_EVENTS: Final = ("integer[]", "smallint[]", "text[]", "text[]")
_NOTIFICATIONS: Final = ("text[]", "text[]", '"char"[]')
_STARTED: Final = ("uuid[]", "integer[]", '"char"[]', "text[]", "float8[]", "text[]", "text[]", "")
_KEYS: Final = ("integer[]", "text[]", "text[]", "")
_SAGAS: Final = ("uuid[]", "integer[]", "boolean[]", '"char"[]', "text[]")
_FLAGS: Final = ("boolean[]", "boolean[]", "float8[]", "text[]", "float8[]")
_CLAIMS: Final = ("integer[]", "smallint[]", "bigint[]")
_DELAYS: Final = (*_CLAIMS, "float8[]", "float8[]", "smallint[]", "smallint[]", "text[]")
_PARKINGS: Final = (*_CLAIMS, "float8[]", "text[]", "boolean[]")
_RESULTS: Final = ("integer[]", "smallint[]", "smallint[]", "")

START_BATCH: Final = _rows_of("start_batch", *_ENCODED * 6, *_STARTED, *_KEYS, *_COMMANDS, *_EVENTS, *_NOTIFICATIONS)
COMMIT_BATCH: Final = _rows_of(
    "commit_batch", *_ENCODED * 5, *_SAGAS, *_FLAGS, *_CLAIMS, *_CLAIMS, *_DELAYS, *_COMMANDS, "float8[]", *_RESULTS, *_EVENTS,
    *_NOTIFICATIONS,
)  # fmt: skip
COMMIT_WAITS: Final = _rows_of(
    "commit_waits", *_ENCODED * 5, *_SAGAS, *_FLAGS, *_CLAIMS, *_CLAIMS, *_DELAYS, *_COMMANDS, "float8[]", *_RESULTS, *_EVENTS,
    *_NOTIFICATIONS, *_PARKINGS, "integer[]", "smallint[]", "text[]", "",
).replace("*", "(conflict).*, is_event_gone", 1)  # fmt: skip
START_WAITS: Final = _rows_of(
    "start_waits", *_ENCODED * 6, *_STARTED, *_KEYS, *_COMMANDS, *_EVENTS, *_NOTIFICATIONS, *_PARKINGS, ""
)
START_ONE: Final = _value_of("start_one", *_ENCODED * 7, '"char"', *_ENCODED * 9, '"char"', *_ENCODED * 7)
COMMIT_ONE: Final = _value_of("commit_one", *_ENCODED * 6, '"char"', *_ENCODED * 7, '"char"', *_ENCODED * 9)
POLL: Final = _rows_of("poll", *_ENCODED * 6)
POLL_ONE_BY_ONE: Final = _rows_of("poll_one_by_one", *_ENCODED * 6)
ADMIT: Final = _rows_of("admit", "uuid[]", "smallint[]", '"char"[]', "text[]", *_ENCODED * 4)
FETCH: Final = _rows_of("fetch_claims", *_ENCODED * 4)
HELD: Final = "select saga, step from command where owner = $1"
EXTEND: Final = _rows_of("extend_claims", *_ENCODED * 7)
UNCLAIMED: Final = """\
select asked.saga, asked.step from unnest($1::uuid[], $2::smallint[]) as asked(saga, step)
left join command c on c.saga = asked.saga and c.step = asked.step where c.claim is null"""
FACTS: Final = """\
select s.input, r.step, r.result from saga s
left join step r on r.saga = s.id and r.step = any ($2::smallint[]) where s.id = $1"""
OVERDUE: Final = _rows_of("overdue_after", *_ENCODED * 4)


def in_schema(call: str, function: str, namespace: str) -> str:
    """The call by the function's full name: on a caller's or a handler's connection the search path is theirs."""
    return call.replace(function, f'"{namespace}".{function}', 1)
