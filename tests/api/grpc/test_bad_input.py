"""Calls that cannot be answered: each is a problem with its name, and shows nothing of the inside."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from saga.api.guard import BODY_BYTES_MAX
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.grpc.refused import problem_of_call
from tests.api.grpc.test_calls import ORDER
from tests.cli.counter import Counter

STARTS: list[tuple[dict[str, Any], str, str]] = [
    ({"definition": "ordr"}, "not-found", "Did you mean order?"),
    ({"definition": ""}, "not-found", "there is no definition"),
    ({"version": 9}, "not-found", "9"),
    ({"version": 0}, "input-refused", "version"),
    ({"input": b'{"sku": 7}'}, "input-refused", "does not fit"),
    ({"input": b"{"}, "usage", "input: not JSON"),
    ({"input": b"\xff"}, "usage", "input: not JSON"),
    ({"input": b'{"sku": NaN}'}, "usage", "NaN"),
    ({"input": b"[" * 65 + b"]" * 65}, "too-large", "64 levels"),
    ({"key": "\0"}, "usage", "NUL"),
    ({"tags": {"region": "\0"}}, "usage", "NUL"),
    ({"id": "7"}, "input-refused", "id"),
    ({"id": "11111111-1111-4111-8111-111111111111"}, "usage", "UUIDv7"),
]


async def test_a_start_that_does_not_fit_is_refused(sagas: SagasStub) -> None:
    for changes, name, said in STARTS:
        refusal = await problem_of_call(sagas.StartSaga(m.StartSagaRequest(**{**ORDER, **changes})), name)
        assert said in refusal.detail


QUESTIONS: list[tuple[Any, str, str]] = [
    (m.GetSagaRequest(ref="00000000-0000-7000-8000-000000000000"), "not-found", "00000000"),
    (m.GetSagaRequest(ref="order:nothing"), "not-found", "nothing"),
    (m.GetSagaRequest(), "usage", "DEFINITION:KEY"),
    (m.GetSagaRequest(with_parts=["PART_UNSPECIFIED"]), "usage", "PART_INPUT, PART_RESULT"),
    (m.ListSagasRequest(q="colour:red"), "usage", "The names are age"),
    (m.ListSagasRequest(q="key:" + "x" * 1100), "usage", "1,024 bytes"),
    (m.ListSagasRequest(limit=501), "usage", "between 1 and 500"),
    (m.ListSagasRequest(limit=0), "usage", "between 1 and 500"),
    (m.ListSagasRequest(cursor="x"), "usage", "not a cursor"),
]


async def test_a_question_that_cannot_be_answered_is_a_problem(sagas: SagasStub) -> None:
    for asked, name, said in QUESTIONS:
        method = getattr(sagas, type(asked).__name__.removesuffix("Request"))
        assert said in (await problem_of_call(method(asked), name)).detail


async def test_a_message_that_is_too_large_is_refused(sagas: SagasStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await sagas.StartSaga(m.StartSagaRequest(definition="x" * BODY_BYTES_MAX))

    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_bug_shows_nothing_of_itself(shop: Counter, sagas: SagasStub, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the canary")

    monkeypatch.setattr(shop.away, "search", broken)

    assert "canary" not in (await problem_of_call(sagas.ListSagas(m.ListSagasRequest()), "internal")).detail
