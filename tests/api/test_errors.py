"""Refused requests: each is a problem with a type, and shows nothing of the inside."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from saga.api.application import build
from saga.api.guard import BODY_BYTES_MAX
from saga.api.problems import KINDS
from tests.api.conftest import LOCAL
from tests.cli.counter import Counter


def assert_problem(answer: httpx.Response, name: str) -> None:
    kind, body = KINDS[name], answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["type"]) == (kind.status, kind.status, f"/problems/{name}")
    assert body["detail"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/sagas/00000000-0000-7000-8000-000000000000", "not-found"),
        ("/v1/sagas/order:nothing", "not-found"),
        ("/v1/sagas/nonsense", "usage"),
        ("/v1/sagas?limit=0", "usage"),
        ("/v1/sagas?limit=many", "usage"),
        ("/v1/nothing", "not-found"),
        ("/v1/sagas/%00:%00", "usage"),
        ("/v1/../../etc/passwd", "not-found"),
    ],
)
async def test_a_request_that_cannot_be_answered_is_a_problem(api: httpx.AsyncClient, path: str, name: str) -> None:
    assert_problem(await api.get(path), name)


async def test_another_name_of_this_machine_is_refused(api: httpx.AsyncClient) -> None:
    """The page of another site cannot read the API by having its own name lead to this machine."""
    assert_problem(await api.get("/v1/sagas", headers={"host": "evil.example:7420"}), "forbidden")
    assert_problem(await api.get("/v1/sagas", headers={"x-forwarded-for": "10.0.0.1"}), "forbidden")


async def test_another_machine_is_refused_while_there_are_no_tokens(shop: Counter) -> None:
    transport = httpx.ASGITransport(build(shop.away), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        assert_problem(await client.get("/v1/sagas"), "forbidden")


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({"content-type": "text/plain"}, b"{}", "wrong-media-type"),
        ({"content-type": "application/json"}, b"[" * 65 + b"]" * 65, "too-large"),
        ({"content-type": "application/json"}, b" " * (BODY_BYTES_MAX + 1), "too-large"),
        ({"content-type": "application/json", "content-length": "9999999"}, b"{}", "too-large"),
        ({"content-type": "application/json", "origin": "https://evil.example"}, b"{}", "forbidden"),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, b"{}", "forbidden"),
    ],
)
async def test_a_body_is_checked_before_a_route_sees_it(
    api: httpx.AsyncClient, headers: dict[str, str], body: bytes, name: str
) -> None:
    assert_problem(await api.post("/v1/sagas", content=body, headers=headers), name)


async def test_brackets_in_a_text_are_not_depth(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/sagas", json={"text": "[" * 100 + '\\"'})

    assert answer.status_code != 413


async def test_a_bug_shows_nothing_of_itself(shop: Counter) -> None:
    app: FastAPI = build(shop.away)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the canary")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=LOCAL) as client:
        answer = await client.get("/broken")

    assert_problem(answer, "internal")
    assert "canary" not in answer.text


async def test_the_same_answer_is_not_sent_twice(api: httpx.AsyncClient) -> None:
    first = await api.get("/v1/sagas")
    again = await api.get("/v1/sagas", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
