"""Acting over gRPC: the plan first, then the action on exactly that plan."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from saga.api.principals import Principal, Role, Sender
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.grpc.conftest import channel_to
from tests.api.grpc.refused import problem_of_call
from tests.api.test_acting import retrying  # noqa: F401 (a fixture)
from tests.cli.counter import Counter

WHY = "the customer called"


async def test_a_grave_action_needs_the_digest_of_its_plan(sagas: SagasStub, retrying: UUID) -> None:  # noqa: F811
    ref, action = str(retrying), m.ACTION_ROLL_BACK
    plan = (await sagas.PlanAction(m.PlanActionRequest(ref=ref, action=action))).plan
    asked = m.ActRequest(ref=ref, action=action, reason=WHY)
    without = await problem_of_call(sagas.Act(asked), "plan-needed")
    asked.if_match = "0123abcd"
    other = await problem_of_call(sagas.Act(asked), "plan-moved")
    asked.if_match = '"quoted"'
    await problem_of_call(sagas.Act(asked), "usage")
    asked.if_match = plan.digest
    done = await sagas.Act(asked)

    assert [undo.undo for undo in plan.stages[0].steps] == [m.UNDO_AWAIT_PIVOT]
    assert plan.digest in without.facts["plan"]
    assert plan.digest in other.facts["plan"]
    assert "if_match" in without.detail
    assert done.saga.roll_back_requested


async def test_a_repeated_request_gets_the_first_answer_and_is_in_the_audit_once(
    sagas: SagasStub,
    retrying: UUID,  # noqa: F811
) -> None:
    asked = m.ActRequest(ref=str(retrying), action=m.ACTION_PAUSE, reason=WHY, idempotency_key="ticket-4711")
    first, again = [await sagas.Act(asked) for _ in range(2)]
    audit = await sagas.GetSagaAudit(m.GetSagaAuditRequest(ref=str(retrying)))

    assert [first.is_replayed, again.is_replayed, again.saga.paused] == [False, True, True]
    assert [(line.action, line.reason, line.actor) for line in audit.audit] == [("pause", WHY, "local")]


MISFITS: list[tuple[dict[str, Any], str, str]] = [
    ({"action": m.ACTION_UNSPECIFIED}, "usage", "ACTION_ROLL_BACK"),
    ({"action": m.ACTION_RESUME}, "conflict", "is running"),
    ({"reason": ""}, "input-refused", "reason"),
    ({"step": "charge"}, "usage", "whole saga"),
    ({"action": m.ACTION_RESOLVE, "step": "charge", "evidence": m.EVIDENCE_UNSPECIFIED}, "usage", "EVIDENCE_HAPP"),
    ({"idempotency_key": "ü"}, "usage", "ASCII"),
]


async def test_an_action_that_does_not_fit_is_refused(sagas: SagasStub, retrying: UUID) -> None:  # noqa: F811
    for changes, name, said in MISFITS:
        asked = m.ActRequest(**{"ref": str(retrying), "action": m.ACTION_PAUSE, "reason": WHY, **changes})
        assert said in (await problem_of_call(sagas.Act(asked), name)).detail


async def test_an_operator_may_not_abandon(shop: Counter, retrying: UUID) -> None:  # noqa: F811
    async def ann(_: Sender) -> Principal:
        return Principal("ann", Role.OPERATOR, "test")

    async with channel_to(shop.away, ann) as channel:
        asked = m.PlanActionRequest(ref=str(retrying), action=m.ACTION_ABANDON)
        refusal = await problem_of_call(SagasStub(channel).PlanAction(asked), "forbidden")

    assert refusal.facts == {"needs": "admin"}
