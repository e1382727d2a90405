"""docs/reference/api.md and openapi.json, from the routes of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from saga.api.application import build_routes, described
from saga.api.problems import KINDS
from tests.docs.reference.markdown import AGAIN, Row, table

OPENAPI: Final = "docs/reference/openapi.json"


def openapi() -> str:
    return json.dumps(described(build_routes()), indent=1, ensure_ascii=False) + "\n"


def api() -> str:
    kinds = [(f"`{kind.name}`", kind.status, kind.title) for kind in KINDS.values()]
    return f"""\
# The API

Generated from the routes. {AGAIN} [How to use it](../how-to/api.md) explains it with examples; [openapi.json](openapi.json) has every
parameter and body, for tools.

## Routes

{table(("Route", "Role", "Answer"), _routes())}

A role may also do what a smaller one may: viewer, operator, admin. A starter only starts sagas and waits for their results; operators
and admins may start, too.

## Problems

An error is `application/problem+json` (RFC 9457). Its `type` is `/problems/NAME`, and `detail` says what to do.

{table(("Name", "Status", "Meaning"), kinds)}
"""


def _routes() -> Iterator[Row]:
    for path, methods in described(build_routes())["paths"].items():
        for method, operation in methods.items():
            yield f"`{method.upper()} {path}`", _roles(operation), operation["summary"]


def _roles(operation: dict[str, Any]) -> str:
    return " or ".join([operation["x-saga-role"], *operation.get("x-saga-also", [])])
