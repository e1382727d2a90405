"""The page about the API: every route with its role, its parameters and a call that can be copied."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

from fastapi import Request

from saga.api.problems import KINDS
from saga.api.ui.page_router import Pages
from saga.api.ui.rendering import View
from saga.client import StoreSagas

_EXAMPLES: Final = {"ref": "order:order-1017", "step": "charge", "name": "order", "version": "1", "service": "payments"}
_BODIES: Final = {
    "start_saga": {"definition": "order", "input": {"sku": "A-1"}, "key": "order-1017"},
    "create_token": {"name": "grafana", "role": "viewer"},
    "register_definition": {"graph": {}},
}
_ACTION: Final = {"reason": "the customer called"}


def add_to(pages: Pages) -> None:
    @pages.page("/docs")
    async def docs(request: Request, sagas: StoreSagas) -> View:  # noqa: ARG001 (every page gets both)
        operations = list(_operations(request.app.openapi()))
        values = {"operations": operations, "problems": list(KINDS.values())}
        return View("docs.html", "API", "docs", time.time(), values)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield {
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "roles": " or ".join([operation["x-saga-role"], *operation.get("x-saga-also", [])]),
                "parameters": [_parameter(one) for one in operation.get("parameters", []) if one["in"] != "path"],
                "call": _call(method.upper(), path, operation["operationId"]),
            }


def _parameter(one: dict[str, Any]) -> dict[str, str]:
    place = "header " if one["in"] == "header" else ""
    return {"name": place + one["name"], "description": one.get("description", "")}


def _call(method: str, path: str, operation: str) -> str:
    url = path.format_map(_Examples())
    if method == "GET":
        return f'curl -H "Authorization: Bearer $TOKEN" "$SAGA_API{url}"'
    body = "" if method == "DELETE" else f" --json '{json.dumps(_BODIES.get(operation, _ACTION))}'"
    return f'curl -X {method} -H "Authorization: Bearer $TOKEN"{body} "$SAGA_API{url}"'


class _Examples(dict[str, str]):
    """Values for the parts of a path; an unknown one is left as its name in capitals."""

    def __missing__(self, name: str) -> str:
        return _EXAMPLES.get(name, name.upper())
