"""Events and completions over REST and over gRPC: the same answers, and the same refusals under the same names."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx

import saga
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.grpc.conftest import channel, sagas  # noqa: F401 (fixtures)
from tests.api.grpc.refused import problem_of_call
from tests.api.test_errors import assert_problem
from tests.cli.counter import Counter
from tests.client.test_both import reviewed, token_for

APPROVED = {"approved": True}


async def start_of(shop: Counter, key: str) -> UUID:
    """A saga that waits for a review."""
    await shop.sagas.register(reviewed())
    return (await shop.sagas.start("reviewed", {"sku": "A-1"}, key=key)).id


async def suspended(shop: Counter) -> tuple[UUID, str]:
    """A saga whose charge is completed from outside, and the token for that."""
    shop.faults["charge"] = saga.Pending("1h")
    found = (await shop.sagas.start("order", {"sku": "A-1"})).id
    await shop.until(found, lambda detail: 1 in detail.commands and detail.commands[1].until is not None)
    return found, await token_for(shop, found, 1)


async def test_an_event_counts_once_over_both(shop: Counter, api: httpx.AsyncClient, sagas: SagasStub) -> None:  # noqa: F811
    found = await start_of(shop, "k")
    event = {"name": "review", "payload": APPROVED, "id": "e-1"}
    over_grpc = m.SendEventRequest(ref="reviewed:k", name="review", payload=json.dumps(APPROVED).encode(), id="e-1")

    first = await api.post(f"/v1/sagas/{found}/messages", json=event)
    again = await sagas.SendEvent(over_grpc)
    await shop.until_vector(found, "SS")

    assert (first.status_code, first.json()["id"], first.json()["is_new"]) == (202, "e-1", True)
    assert (again.id, again.is_new, again.now.seconds > 0) == ("e-1", False, True)


async def test_an_event_without_an_id_gets_one(shop: Counter, sagas: SagasStub) -> None:  # noqa: F811
    found = await start_of(shop, "k")

    sent = await sagas.SendEvent(m.SendEventRequest(ref=str(found), name="review", payload=b'{"approved": true}'))

    assert (UUID(sent.id).version, sent.is_new) == (7, True)
    await shop.until_vector(found, "SS")


MISFITS: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "reviev"}, "usage", "Did you mean review"),
    ({"name": "\0"}, "usage", "NUL"),
    ({"payload": b"[1]"}, "input-refused", "review"),
    ({"payload": b"{"}, "usage", "payload: not JSON"),
    ({"payload": b"[" * 65 + b"]" * 65}, "too-large", "64 levels"),
    ({"payload": b'"' + b"x" * 262_144 + b'"'}, "input-refused", "262,144"),
    ({"id": ""}, "usage", "1 to 200"),
    ({"id": "x" * 201}, "input-refused", "id"),
    ({"ref": "reviewed:nothing"}, "not-found", "nothing"),
]


async def test_an_event_that_does_not_fit_is_refused_over_both(
    shop: Counter,
    api: httpx.AsyncClient,
    sagas: SagasStub,  # noqa: F811
) -> None:
    await start_of(shop, "k")
    for changes, name, said in MISFITS:
        asked = {"ref": "reviewed:k", "name": "review", "payload": json.dumps(APPROVED).encode(), **changes}
        assert said in (await problem_of_call(sagas.SendEvent(m.SendEventRequest(**asked)), name)).detail
        path, payload = f"/v1/sagas/{asked.pop('ref')}/messages", asked.pop("payload").decode()
        members = [f'"payload": {payload}', *(f'"{key}": {json.dumps(value)}' for key, value in asked.items())]
        headers = {"content-type": "application/json"}
        answer = await api.post(path, content=f"{{{', '.join(members)}}}".encode(), headers=headers)
        assert answer.status_code in (400, 404, 413, 422), (changes, answer.text)


async def test_a_step_is_completed_once_over_both(shop: Counter, api: httpx.AsyncClient, sagas: SagasStub) -> None:  # noqa: F811
    found, token = await suspended(shop)

    first = await sagas.CompleteStep(m.CompleteStepRequest(token=token, value=b'"charged"'))
    await shop.until(found, lambda detail: detail.state.phase.is_terminal)
    again = await api.post("/v1/completions", json={"token": token, "value": "charged"})
    other = await api.post("/v1/completions", json={"token": token, "rejected": "declined"})

    assert (first.is_new, again.status_code, again.json()["is_new"]) == (True, 200, False)
    assert first.id == again.json()["id"]
    assert_problem(other, "conflict")
    refusal = await problem_of_call(sagas.CompleteStep(m.CompleteStepRequest(token=token, failed="lost")), "conflict")
    assert "used up" in refusal.detail


async def test_a_step_is_rejected_with_its_reason(shop: Counter, sagas: SagasStub) -> None:  # noqa: F811
    found, token = await suspended(shop)

    await sagas.CompleteStep(m.CompleteStepRequest(token=token, rejected="card declined"))

    detail = await shop.until(found, lambda detail: detail.state.phase.is_terminal)
    assert detail.state.reason == "charge: card declined"


COMPLETIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"token": "x"}, "usage", "not the token"),
    ({"token": ""}, "usage", "not the token"),
    ({"value": b'{"charged": true}'}, "input-refused", "does not fit"),
    ({"value": b"{"}, "usage", "value: not JSON"),
]


async def test_a_completion_that_does_not_fit_is_refused(shop: Counter, sagas: SagasStub) -> None:  # noqa: F811
    _, token = await suspended(shop)
    for changes, name, said in COMPLETIONS:
        asked = m.CompleteStepRequest(**{"token": token, "value": b'"charged"', **changes})
        assert said in (await problem_of_call(sagas.CompleteStep(asked), name)).detail


async def test_outcomes_that_exclude_each_other_are_refused(shop: Counter, api: httpx.AsyncClient) -> None:
    _, token = await suspended(shop)

    answer = await api.post("/v1/completions", json={"token": token, "value": 1, "failed": "lost"})

    assert_problem(answer, "input-refused")
    assert "exclude each other" in answer.json()["detail"]
