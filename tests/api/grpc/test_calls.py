"""Calls over gRPC: they start and show the same sagas as REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.grpc.refused import problem_of_call
from tests.api.test_starting import new_id
from tests.cli.counter import Counter

ORDER: dict[str, Any] = {"definition": "order", "input": b'{"sku": "A-1"}'}


@pytest.mark.parametrize("known_by", ["key", "id"])
async def test_a_repeated_start_finds_the_same_saga(sagas: SagasStub, known_by: str) -> None:
    given = {**ORDER, known_by: new_id()}

    answers = [await sagas.StartSaga(m.StartSagaRequest(**given)) for _ in range(3)]

    assert [answer.is_new for answer in answers] == [True, False, False]
    assert len({answer.saga for answer in answers}) == 1
    await problem_of_call(sagas.StartSaga(m.StartSagaRequest(**{**given, "input": b'{"sku": "B-2"}'})), "conflict")


async def test_a_saga_is_started_shown_and_listed(shop: Counter, sagas: SagasStub) -> None:
    started = await sagas.StartSaga(m.StartSagaRequest(**ORDER, key="order-1", tags={"region": "eu"}))
    await shop.until_vector(UUID(started.saga), "SSS")

    shown = (await sagas.GetSaga(m.GetSagaRequest(ref="order:order-1"))).saga
    listed = await sagas.ListSagas(m.ListSagasRequest(q="tag.region:eu is:ended"))

    assert (shown.saga, shown.phase, dict(shown.tags)) == (started.saga, m.PHASE_COMPLETED, {"region": "eu"})
    assert (shown.input, shown.result) == (b'{"sku": "A-1"}', b'"charge done"')
    assert [step.state for step in shown.steps] == [m.STEP_STATE_SUCCEEDED] * 3
    assert [line.saga for line in listed.sagas] == [started.saga]
    assert (listed.complete, listed.HasField("next")) == (True, False)
