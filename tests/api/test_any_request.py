"""Requests made at random from openapi.json, about sagas that exist and others: none breaks the server, and every refusal is a problem."""

from __future__ import annotations

import random
import re
from typing import Any
from urllib.parse import quote

import httpx

from saga.api.application import build_routes, described
from tests.cli.counter import Counter

REQUESTS = 400
"""10,000 requests of schemathesis have been tried, too, each going on with what earlier ones had answered."""
ODD = (
    "", "0", "-1", "9" * 23, "null", "[]", "é", "\u202e", "a" * 300, "'; drop table saga;--", "%", "..", "order:key", "x:y",
    "is:stuck", "definition:order", "5s", "2026-01-01", '"x', "\\", "nan", "1e400", "charge", "order", "A" * 32,
)  # fmt: skip
NAMES = ("step", "evidence", "definition", "input", "key", "id", "tags", "version", "graph", "activate", "name", "role")


async def test_no_request_breaks_the_server(shop: Counter, api: httpx.AsyncClient) -> None:
    chance = random.Random(7)  # noqa: S311
    operations = list(_operations())
    known = [str(await shop.start("key"))]

    for _ in range(REQUESTS):
        method, path, parameters = chance.choice(operations)
        url = path.replace("{ref}", chance.choice(known)) if chance.random() < 0.5 else path
        url = re.sub(r"\{\w+\}", lambda _: quote(chance.choice(ODD), safe=":") or "x", url)
        query = {name: chance.choice(ODD) for name in parameters if chance.random() < 0.5}
        body = None if method == "get" else {"reason": "why", **_members(chance)}
        headers = {"if-match": "*"} if chance.random() < 0.5 else {}
        if path == "/v1/sagas" and method == "post" and chance.random() < 0.7:
            body = {"definition": "order", "input": {"sku": chance.choice(ODD)}}
        answer = await api.request(method, url, params=query, json=body, headers=headers)

        assert answer.status_code < 500, (method, url, query, body, answer.text)
        if answer.status_code == 201 and "saga" in answer.json():
            known.append(answer.json()["saga"])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", (method, url, answer.text)
            assert answer.json()["type"].startswith("/problems/")


def _operations() -> list[tuple[str, str, list[str]]]:
    return [
        (
            method,
            path,
            [one["name"] for one in operation.get("parameters", []) if one["in"] == "query" and one["name"] != "wait"],
        )
        for path, methods in described(build_routes())["paths"].items()
        for method, operation in methods.items()
        if not path.endswith(("/events", "/tokens"))
    ]


def _members(chance: random.Random) -> dict[str, Any]:
    return {name: _value(chance, 0) for name in NAMES if chance.random() < 0.3}


def _value(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if kind < 0.7 or depth > 2:
        return chance.choice((*ODD, 0, -1, 2**63, 1.5, None, True))
    if kind < 0.85:
        return [_value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(ODD): _value(chance, depth + 1) for _ in range(chance.randint(0, 3))}
