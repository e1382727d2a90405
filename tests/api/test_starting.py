"""Starting sagas over the API: once, however often it is asked for."""

from __future__ import annotations

import asyncio
import json
import os
import time
from uuid import UUID

import httpx
import pytest

from saga.core.ids import RANDOM_BYTES, uuid7
from tests.api.test_errors import assert_problem
from tests.cli.counter import Counter

ORDER = {"definition": "order", "input": {"sku": "A-1"}}


def new_id() -> str:
    return str(uuid7(int(time.time() * 1000), os.urandom(RANDOM_BYTES)))


async def test_a_saga_is_started_and_runs(shop: Counter, api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/sagas", json={**ORDER, "tags": {"region": "eu"}})
    saga = answer.json()["saga"]
    await shop.until_vector(UUID(saga), "SSS")

    shown = (await api.get(f"/v1/{answer.headers['location']}")).json()

    assert (answer.status_code, answer.json()["is_new"]) == (201, True)
    assert (shown["saga"], shown["phase"], shown["tags"]) == (saga, "completed", {"region": "eu"})
    assert [line["saga"] for line in (await api.get("/v1/sagas?q=tag.region:eu")).json()["sagas"]] == [saga]


@pytest.mark.parametrize("known_by", ["key", "id"])
async def test_a_repeated_start_finds_the_same_saga(api: httpx.AsyncClient, known_by: str) -> None:
    given = {**ORDER, known_by: new_id()}

    answers = [await api.post("/v1/sagas", json=given) for _ in range(3)]
    other = await api.post("/v1/sagas", json={**given, "input": {"sku": "B-2"}})

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.json()["saga"] for answer in answers}) == 1
    assert_problem(other, "conflict")


async def test_starts_with_one_id_at_the_same_time_are_one_saga(api: httpx.AsyncClient) -> None:
    given = {**ORDER, "id": new_id()}

    answers = await asyncio.gather(*(api.post("/v1/sagas", json=given) for _ in range(5)))

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert {answer.json()["saga"] for answer in answers} == {given["id"]}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"definition": "ordr"}, "not-found"),
        ({"version": 9}, "not-found"),
        ({"version": 0}, "input-refused"),
        ({"input": {"sku": 7}}, "input-refused"),
        ({"input": {"sku": "x" * 300_000}}, "input-refused"),
        ({"key": "\ud800"}, "input-refused"),
        ({"key": ""}, "usage"),
        ({"tags": {"region": 3}}, "input-refused"),
        ({"id": "7"}, "input-refused"),
        ({"id": "11111111-1111-4111-8111-111111111111"}, "usage"),
        ({"id": "00000000-0000-7000-8000-000000000000"}, "usage"),
        ({"colour": "red"}, "input-refused"),
    ],
)
async def test_a_start_that_does_not_fit_is_refused(
    api: httpx.AsyncClient, changes: dict[str, object], name: str
) -> None:
    body = json.dumps({**ORDER, **changes})
    headers = {"content-type": "application/json"}

    assert_problem(await api.post("/v1/sagas", content=body, headers=headers), name)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"order"', b"", b'{"definition": "order", "input": NaN}'])
async def test_a_body_that_is_not_a_start_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post("/v1/sagas", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
