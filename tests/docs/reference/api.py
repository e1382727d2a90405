"""docs/reference/api.md and openapi.json, from the routes of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from saga.api.application import build_routes, described
from saga.api.grpc.methods import roles_of
from saga.api.grpc.refusals import code_of
from saga.api.grpc.server import SERVICES
from saga.api.problems import KINDS
from tests.docs.page import ROOT
from tests.docs.reference.markdown import AGAIN, Row, table

OPENAPI: Final = "docs/reference/openapi.json"


def openapi() -> str:
    return json.dumps(described(build_routes()), indent=1, ensure_ascii=False) + "\n"


def api() -> str:
    kinds = [(f"`{kind.name}`", kind.status, code_of(kind).name, kind.title) for kind in KINDS.values()]
    return f"""\
# The API

Generated from the routes. {AGAIN} [How to use it](../how-to/api.md) explains it with examples; [openapi.json](openapi.json) has every
parameter and body, for tools.

## Routes

{table(("Route", "Role", "Answer"), _routes())}

A role may also do what a smaller one may: viewer, operator, admin. A starter only starts sagas, sends them
events, completes steps and waits for results; operators and admins may do that, too.

## Methods of gRPC

The messages are described in `saga/v1/sagas.proto` and `saga/v1/definitions.proto`, which are part of the wheel.

{table(("Method", "Role", "Answer"), _methods())}

`PlanAction` and `Act` need the role admin to abandon a saga.

## Problems

An error is `application/problem+json` (RFC 9457). Its `type` is `/problems/NAME`, and `detail` says what to do. Over gRPC it is a
status with `google.rpc.ErrorInfo`: `reason` is the name in capitals, as `PLAN_MOVED`, and `metadata` has the facts as JSON.

{table(("Name", "Status", "gRPC", "Meaning"), kinds)}
"""


def _routes() -> Iterator[Row]:
    for path, methods in described(build_routes())["paths"].items():
        for method, operation in methods.items():
            yield f"`{method.upper()} {path}`", _roles(operation), operation["summary"]


def _methods() -> Iterator[Row]:
    for service, _ in SERVICES:
        text = (ROOT / service.file.name).read_text(encoding="utf-8")
        for method in service.methods:
            comment = re.search(rf"  // (.*)\n  rpc {method.name}\(", text)
            roles = " or ".join(role.value for role in roles_of(method))
            yield f"`{service.name}.{method.name}`", roles, "" if comment is None else comment[1]


def _roles(operation: dict[str, Any]) -> str:
    return " or ".join([operation["x-saga-role"], *operation.get("x-saga-also", [])])
