"""The plan of an action says what the action does, and `allowed` says which actions there are."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from saga.core.condition.facts import NO_FACTS
from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state
from saga.errors import UsageError
from saga.inspection.actions.allowed import STEPS_MAX, allowed
from saga.inspection.actions.basis import Basis, basis_of
from saga.inspection.actions.dry_decision import decide_dry
from saga.inspection.actions.plan import Plan, plan_of
from saga.inspection.actions.plan_page import plan_document, plan_lines
from saga.inspection.actions.request import ACTIONS, EVIDENCE, ActionName, ActionRequest
from saga.inspection.masking.shown import payloads_of
from saga.ports.saga_detail import CommandDetail, SagaDetail, StepRecord
from tests.core.graphs import chain, graph, shaped, step

SAGA = UUID("01a1fdfc-91ff-7b16-a175-42ca88f07a7c")
NOW = 1_000.0
STAYS = CommandDetail(Operation.EXECUTE, None, None, None, NOW + 60, None, 3, 3, "no answer")


def state_of(plan: Graph, vector: str, phase: Phase = Phase.RUNNING, *, paused: bool = False) -> State:
    return replace(initial_state(plan, now=NOW), vector=vector, phase=phase, paused=paused)


def basis(plan: Graph, vector: str, phase: Phase = Phase.RUNNING, *, unclaimed: frozenset[int] = frozenset()) -> Basis:
    nothing = frozenset[int]()
    return Basis(SAGA, plan, state_of(plan, vector, phase), nothing, nothing, unclaimed, NOW, NO_FACTS)


def detail(plan: Graph, state: State, commands: dict[int, CommandDetail] | None = None) -> SagaDetail:
    return SagaDetail(
        saga=SAGA,
        graph=plan,
        state=state,
        now=NOW,
        started_at=NOW - 90,
        ended_at=None,
        wake_at=None,
        key=None,
        tags=None,
        input=b'{"sku": "A-1"}',
        commands=commands or {},
        records={
            position: StepRecord(NOW, "shop:1", 1, b"7") for position, each in enumerate(state.vector) if each == "S"
        },
        history=(),
        serving={},
        leader=None,
    )


def planned(plan: Graph, vector: str, request: ActionRequest, phase: Phase = Phase.RUNNING) -> Plan:
    return plan_of(basis(plan, vector, phase), request)


ROLL_BACK = ActionRequest("roll back")


def test_a_rollback_has_its_stages_what_is_kept_and_the_calls_of_each_service() -> None:
    plan = graph(step("look", "X", compensation=False), step("pay", "X", after=(0,)), step("send", "X", after=(1,)))

    document = planned(plan, "SSD", ROLL_BACK).document()

    assert document["stages"] == [
        [{"step": "send", "service": plan.steps[2].service, "state": "dispatched", "undo": "find_out"}],
        [{"step": "pay", "service": plan.steps[1].service, "state": "succeeded", "undo": "compensate"}],
    ]
    assert (document["kept"], document["residue"], document["refusal"]) == (["look"], [], None)
    assert sum(document["calls"].values()) == 2
    assert len(document["digest"]) == 64


def test_the_effects_that_an_abandoned_saga_leaves_are_listed() -> None:
    document = planned(chain("XX"), "SD", ActionRequest("abandon")).document()

    assert document["residue"] == [
        "left: a (service): its effect remains",
        "left: b (service): its effect may exist (frozen)",
    ]
    assert document["stages"] == []


def test_a_step_that_did_not_happen_begins_a_rollback_whose_stages_are_shown() -> None:
    request = ActionRequest("resolve", "b", "did-not-happen")
    plan = shaped([(), (0,), (1,)], "XXX")
    assert plan.pivot == -1, "the rollback begins at once"
    saga = detail(plan, state_of(plan, "SdP"))

    shown = plan_of(basis_of(saga), request)

    assert [[undo["step"] for undo in stage] for stage in shown.document()["stages"]] == [["a"]]
    assert "1. a (service.a): compensate" in plan_lines(shown, saga, payloads_of(saga))
    assert plan_document(shown, saga, payloads_of(saga))["stages"][0][0]["result"] == 7


def test_the_digest_is_of_what_is_done_and_not_of_figures_that_change() -> None:
    plan = chain("XX")
    now = plan_of(basis(plan, "SD"), ROLL_BACK)

    later = plan_of(replace(basis(plan, "SD"), now=NOW + 60), ROLL_BACK)
    others = [
        plan_of(basis(plan, "SS"), ROLL_BACK),
        plan_of(basis(plan, "SD", unclaimed=frozenset((1,))), ROLL_BACK),
        plan_of(replace(basis(plan, "SD"), saga=UUID(int=1)), ROLL_BACK),
        plan_of(basis(plan, "SD"), ActionRequest("abandon")),
        plan_of(basis(plan, "SD", Phase.COMPENSATED), ROLL_BACK),
    ]

    assert now.digest == later.digest == now.document()["digest"]
    assert len({now.digest, *(each.digest for each in others)}) == 1 + len(others)


def test_a_saga_as_people_see_it_and_as_it_is_committed_have_one_plan() -> None:
    plan = chain("XX")
    seen = detail(plan, state_of(plan, "SD"), {1: replaced_owner("shop:1")})

    assert plan_of(basis_of(seen), ROLL_BACK).digest == plan_of(basis(plan, "SD"), ROLL_BACK).digest


def replaced_owner(owner: str) -> CommandDetail:
    return CommandDetail(Operation.EXECUTE, owner, None, NOW + 9, None, None, 1, 0, None)


def test_an_action_is_refused_exactly_where_it_changes_nothing() -> None:
    plan = chain("XX")
    for vector in ("DP", "SD", "Sd", "dP", "SS", "KV", "kV"):
        for phase in (Phase.RUNNING, Phase.COMPENSATING, Phase.COMPLETED):
            state = state_of(plan, vector, phase)
            for action, event in (("pause", ev.Paused()), ("resume", ev.Resumed()), ("abandon", ev.Abandoned())):
                request = ActionRequest(action)  # type: ignore[arg-type]
                decision = decide(plan, state, [event], now=NOW, jitter=0.0, enforce_deadline=False)
                assert (decide_dry(basis(plan, vector, phase), request).refusal is None) is decision.changed


def test_the_plan_of_undoing_one_step_says_how_it_is_undone() -> None:
    plan = shaped([(), (), (0, 1)], "XTJ")
    undo = ActionRequest("undo step", "a")

    has_succeeded, is_unknown = (plan_of(basis(plan, vector), undo) for vector in ("SDP", "DDP"))

    assert has_succeeded.changes == ("a: succeeded -> compensating",)
    assert has_succeeded.document()["stages"][0][0]["undo"] == "compensate"
    assert dict(has_succeeded.calls) == {"service": 1}
    assert is_unknown.document()["stages"][0][0]["undo"] == "find_out"
    assert plan_of(basis(plan, "DDP"), ActionRequest("undo step", "b")).stages == ()


@pytest.mark.parametrize(
    ("vector", "step", "refusal"),
    [
        ("SSD", "a", "step a: c has run behind it; undo that first, or roll the saga back"),
        ("SSP", "c", "step c: it has not begun"),
        ("KSP", "a", "step a: it is compensating already"),
        ("HSP", "a", "step a: it is rejected, handled: there is nothing to undo"),
        ("SSP", "d", f"saga {SAGA} has no step d"),
    ],
)
def test_a_step_that_cannot_be_undone_alone_says_why(vector: str, step: str, refusal: str) -> None:
    plan = shaped([(), (), (0, 1)], "XTJ")

    assert plan_of(basis(plan, vector), ActionRequest("undo step", step)).refusal == refusal


def test_every_action_is_allowed_or_says_why_not() -> None:
    plan = chain("XX")

    found = allowed(detail(plan, state_of(plan, "SD")))

    assert [each["action"] for each in found] == ["roll back", "pause", "resume", "retry", "abandon", "undo step"]
    assert [each["ok"] for each in found] == [True, True, False, False, True, True]
    assert [each["is_grave"] for each in found] == [True, False, False, False, True, True]
    assert found[2]["why_not"] == f"saga {SAGA} is running (saga why {SAGA} says what it waits for)"
    assert found[3]["why_not"] == f"saga {SAGA} has no quarantined step"


def test_each_quarantined_step_has_its_own_actions() -> None:
    plan = chain("XX")
    saga = detail(plan, state_of(plan, "Sd"), {1: STAYS})

    found = {(each["action"], each["evidence"]): each["why_not"] for each in allowed(saga) if each["step"] == "b"}

    assert found.keys() == {
        ("retry", None),
        ("skip", None),
        ("undo step", None),
        *(("resolve", each) for each in EVIDENCE),
    }
    assert found["retry", None] is None
    assert found["undo step", None] is None
    assert found["resolve", "happened"] is None
    assert "a call of it may still arrive" in found["resolve", "did-not-happen"]
    assert found["skip", None] == "step b: the pivot has not passed; resolve it, or roll the saga back"
    assert found["resolve", "compensated"] == f"saga {SAGA} is running (saga why {SAGA} says what it waits for)"


def test_the_actions_of_very_many_steps_are_not_listed() -> None:
    plan = shaped([()] * (STEPS_MAX + 5), "X" * (STEPS_MAX + 5))

    steps = {each["step"] for each in allowed(detail(plan, state_of(plan, "d" * (STEPS_MAX + 5))))}

    assert len(steps - {None}) == STEPS_MAX


@pytest.mark.parametrize(
    ("action", "wanted", "evidence", "words"),
    [
        ("explode", None, None, "there is no action 'explode'"),
        ("skip", None, None, "which step"),
        ("resolve", None, "happened", "which step"),
        ("resolve", "a", None, "use happened, did-not-happen or compensated"),
        ("retry", "a", "happened", "takes no evidence"),
        ("pause", "a", None, "leave the step out"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    action: ActionName, wanted: str | None, evidence: str | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ActionRequest(action, wanted, evidence)  # type: ignore[arg-type]


def test_the_audit_has_the_words_of_a_request() -> None:
    words = [ActionRequest(action, *argument(action)).words for action in ACTIONS]  # type: ignore[arg-type]

    assert words == ["roll back", "pause", "resume", "retry", "skip", "resolve: happened", "undo step", "abandon"]


def argument(action: ActionName) -> tuple[str | None, str | None]:
    return {"skip": ("a", None), "undo step": ("a", None), "resolve": ("a", "happened")}.get(action, (None, None))
