"""The same documents as REST answers, for the same sagas and definitions, and a value for every word in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import EnumDescriptor

from saga.api.calls.reading import PARTS
from saga.api.grpc.messages import number_of
from saga.core.definition.step import StepKind
from saga.core.state.letters import WORDS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.inspection.actions.request import ACTIONS, EVIDENCE
from saga.inspection.explanation import Situation
from saga.inspection.rollback_preview import UndoAction
from saga.inspection.summaries.effects import Effect
from saga.v1 import definitions_pb2 as d
from saga.v1 import sagas_pb2 as m
from saga.v1.definitions_pb2_grpc import DefinitionsStub
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.conftest import client_of
from tests.api.grpc.alike import differences
from tests.cli.counter import Counter

ALL_PARTS = [value.name for value in m.Part.DESCRIPTOR.values if value.number]
WORDS_OF: list[tuple[EnumDescriptor, Iterable[str]]] = [
    (m.Phase.DESCRIPTOR, [phase.name for phase in Phase]),
    (m.StepState.DESCRIPTOR, WORDS.values()),
    (m.StepKind.DESCRIPTOR, [kind.value for kind in StepKind]),
    (m.Mode.DESCRIPTOR, [mode.name for mode in Mode]),
    (m.Operation.DESCRIPTOR, [operation.name for operation in Operation]),
    (m.Situation.DESCRIPTOR, [situation.value for situation in Situation]),
    (m.Effect.DESCRIPTOR, [effect.value for effect in Effect]),
    (m.Undo.DESCRIPTOR, [undo.name for undo in UndoAction]),
    (m.Action.DESCRIPTOR, ACTIONS),
    (m.Evidence.DESCRIPTOR, EVIDENCE),
    (m.Part.DESCRIPTOR, PARTS),
    (m.Status.DESCRIPTOR, ["completed", "compensated", "abandoned"]),
]


@pytest.mark.parametrize(("enum", "words"), WORDS_OF, ids=[enum.name for enum, _ in WORDS_OF])
def test_every_word_of_a_document_has_a_value(enum: EnumDescriptor, words: Iterable[str]) -> None:
    """A new word is a new value in saga/v1/sagas.proto, at the end: then run make stubs."""
    assert {number_of(enum, word) for word in words} == {value.number for value in enum.values} - {0}


async def started_some(shop: Counter) -> list[str]:
    """Sagas that have completed, are retried, are paused in the middle, and were rolled back. Returns their ids."""
    done = await shop.start("done")
    await shop.until_vector(done, "SSS")
    shop.faults["charge"] = ConnectionError("no answer")
    retried = await shop.start("retried")
    await shop.until(retried, lambda detail: any(command.failures for command in detail.commands.values()))
    shop.blocked.add("reserve")
    paused = await shop.start("paused")
    await shop.until(paused, lambda detail: any(command.owner for command in detail.commands.values()))
    await shop.away.operations.pause(paused, actor="ann", reason="a look")
    return [str(saga) for saga in (done, retried, paused)]


async def test_sagas_and_definitions_are_answered_alike(shop: Counter, channel: grpc.aio.Channel) -> None:
    sagas, definitions = SagasStub(channel), DefinitionsStub(channel)
    found, stages = list[str](), 0
    async with client_of(shop) as api:

        async def rest(path: str, **query: Any) -> dict[str, Any]:
            answer = await api.get(f"/v1/{path}", params=query)
            assert answer.status_code == 200, answer.text
            return answer.json()  # type: ignore[no-any-return]

        for saga in await started_some(shop):
            shown = await sagas.GetSaga(m.GetSagaRequest(ref=saga, with_parts=ALL_PARTS))
            found += differences(shown.saga, await rest(f"sagas/{saga}", **{"with": ",".join(PARTS)}))
            history = await sagas.GetHistory(m.GetHistoryRequest(ref=saga, limit=2))
            found += differences(history, await rest(f"sagas/{saga}/history", limit=2))
            audit = await sagas.GetSagaAudit(m.GetSagaAuditRequest(ref=saga))
            found += differences(audit, await rest(f"sagas/{saga}/audit"))
            plan = await sagas.PlanAction(m.PlanActionRequest(ref=saga, action=m.ACTION_ROLL_BACK))
            path, body = f"/v1/sagas/{saga}/rollback?dry_run=true", {"reason": "why"}
            found += differences(plan, (await api.post(path, json=body)).json())
            stages += len(plan.plan.stages)
        result = await sagas.GetResult(m.GetResultRequest(ref="order:done"))
        found += differences(result, await rest("sagas/order:done/result"))
        listed = await sagas.ListSagas(m.ListSagasRequest(limit=2))
        found += differences(listed, await rest("sagas", limit=2))
        found += differences(await definitions.ListDefinitions(d.ListDefinitionsRequest()), await rest("definitions"))
        versions = await definitions.GetDefinition(d.GetDefinitionRequest(name="order"))
        found += differences(versions, await rest("definitions/order"))
        version = await definitions.GetVersion(d.GetVersionRequest(name="order", version=1))
        found += differences(version, await rest("definitions/order/versions/1"))
        difference = d.GetDifferenceRequest(name="order", from_version=1, to_version=1)
        query = {"from": 1, "to": 1}
        found += differences(await definitions.GetDifference(difference), await rest("definitions/order/diff", **query))

    assert found == []
    assert stages > 0
