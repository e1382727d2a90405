"""The facts that people read of one saga, computed from its row, its records and its history."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from saga.cli.sagas import show
from saga.core.definition.graph import Graph
from saga.core.rules.backward import FOUND_NOTHING
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.inspection.documents import line_document, saga_document
from saga.inspection.step_wait import way_out_of_quarantine
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence
from saga.ports.saga_detail import HistoryLine, SagaDetail, StepRecord
from tests.cli.test_pages import LINE, NOW, STUCK, rendered
from tests.core.graphs import chain

DEADLINE_SECONDS = 120
RETURNS = {"whole": {"$path": ["steps", "a", "output"]}, "b": {"$path": ["steps", "b", "output"]}}
LATE = replace(chain("JXT"), deadline_ms=DEADLINE_SECONDS * 1_000)


def lines(*written: str) -> tuple[HistoryLine, ...]:
    """Lines such as `3 SDP failed 1: no answer`: seconds, the vector afterwards, kind, step and detail."""
    found = []
    for line in written:
        seconds, vector, rest = line.split(" ", 2)
        head, _, detail = rest.partition(": ")
        kind, _, step = head.rpartition(" ")
        at, is_of_step = STUCK.started_at + float(seconds), step.isdigit()
        found.append(
            HistoryLine(
                at, kind if is_of_step else head, int(step) if is_of_step else None, detail or None, vector, "x"
            )
        )
    return tuple(found)


def ended(phase: Phase, vector: str, history: tuple[HistoryLine, ...], graph: Graph = LATE) -> SagaDetail:
    state = State(phase, vector, False, False, NOW + 86_400, None)  # noqa: FBT003
    return replace(
        STUCK,
        graph=graph,
        state=state,
        ended_at=NOW - 5,
        commands={},
        records={},
        history=history,
    )


REJECTED = ended(
    Phase.COMPENSATED,
    "ZRV",
    lines(
        "0 DPP started",
        "1 SDP succeeded 0",
        "2 SDP failed 1: no answer",
        "2.5 SDP deadline extended: by 30 s: an outage",
        "3 KRV rejected 1: card declined",
        "3 KRV rolling back: b: card declined",
        "4 KRV failed 0: no answer",
        "5 ZRV compensated 0",
        "5 ZRV compensated all",
    ),
)


def test_a_completed_saga_shows_what_it_returned() -> None:
    graph = replace(LATE, returns=RETURNS)
    detail = replace(ended(Phase.COMPLETED, "SSS", (), graph), records={0: StepRecord(NOW, "x", 1, b'{"bin": "C-14"}')})

    assert saga_document(detail)["result"] == {"whole": {"bin": "C-14"}, "b": None}
    assert 'result  {"whole": {"bin": "C-14"}, "b": null}' in rendered(show.saga_page(detail), 120)


def test_a_result_that_is_not_json_is_not_shown() -> None:
    graph = replace(LATE, returns=RETURNS)
    detail = replace(ended(Phase.COMPLETED, "SSS", (), graph), records={0: StepRecord(NOW, "x", 1, b"\xff\xfe")})

    assert saga_document(detail)["result"] is None


def test_a_rejected_step_shows_its_attempts_and_when_it_ended() -> None:
    step = saga_document(REJECTED)["steps"][1]

    assert (step["attempts"], step["finished_at"], step["process"]) == (2, REJECTED.started_at + 3, "x")
    assert "b     service  rejected     2" in rendered(show.saga_page(REJECTED), 120)


def test_a_step_that_never_ran_has_no_attempts() -> None:
    step = saga_document(REJECTED)["steps"][2]

    assert (step["attempts"], step["finished_at"], step["process"]) == (0, None, None)


def test_a_failed_compensation_is_told_from_a_failed_step() -> None:
    failed = [line for line in saga_document(REJECTED)["history"] if line["event"] == "failed"]

    assert [(line["step"], line["operation"]) for line in failed] == [("b", "execute"), ("a", "compensate")]
    assert rendered(show.saga_page(REJECTED), 120).count("compensation failed") == 1


def test_the_failure_that_rolls_a_step_back_at_once_is_one_of_the_step() -> None:
    """Its own transaction calls for the compensation already."""
    history = lines("0 DPP started", "1 KVV failed 0: no answer", "1 KVV rolling back: a: no answer")

    failed = saga_document(ended(Phase.COMPENSATING, "KVV", history))["history"][1]

    assert failed["operation"] == "execute"


def test_the_deadline_of_a_saga_that_rolls_back_stays_its_deadline() -> None:
    document = saga_document(REJECTED)

    assert document["deadline"] == REJECTED.started_at + DEADLINE_SECONDS + 30
    assert document["compensation_budget_ends_at"] == NOW + 86_400


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.COMPLETED])
def test_a_saga_that_does_not_roll_back_has_no_budget(phase: Phase) -> None:
    document = saga_document(ended(phase, "SSS", ()))

    assert (document["deadline"], document["compensation_budget_ends_at"]) == (NOW + 86_400, None)


def test_a_list_does_not_take_the_budget_for_the_deadline() -> None:
    rolling, running = line_document(LINE), line_document(replace(LINE, phase=Phase.RUNNING))

    assert (rolling["deadline"], rolling["compensation_budget_ends_at"]) == (None, NOW + 86_400)
    assert (running["deadline"], running["compensation_budget_ends_at"]) == (NOW + 86_400, None)


def test_the_whole_input_is_shown_on_request() -> None:
    detail = replace(STUCK, input=json.dumps({"note": "x" * 600}).encode())

    assert rendered(show.saga_page(detail), 120).count("x") < 500
    assert rendered(show.saga_page(detail, is_full=True), 120).count("x") >= 600


def test_why_tells_what_was_undone_from_what_had_not_happened() -> None:
    history = lines(
        "1 KKS rolling back",
        f"2 ZKS compensated 0: {FOUND_NOTHING}",
        "3 ZZS compensated 1",
        "4 ZZZ nothing to compensate 2",
    )
    detail = ended(Phase.COMPENSATED, "ZZZ", history)

    said = sentence(detail, why(detail), clock_of(NOW))

    assert said.endswith("compensated: b; had not taken effect: a; has no compensation: c.")


def test_only_the_journal_can_say_that_a_journaled_step_did_not_happen() -> None:
    """The command that people are told to run is not one that is refused."""
    assert way_out_of_quarantine(STUCK.saga, LATE, "dPP", 0).endswith(" a happened")
    assert way_out_of_quarantine(STUCK.saga, LATE, "SdP", 1).endswith(" b happened|did-not-happen")


def test_why_takes_a_step_whose_history_was_deleted_for_compensated() -> None:
    detail = ended(Phase.COMPENSATED, "ZVZ", lines(f"2 ZVK compensated 0: {FOUND_NOTHING}"))

    assert why(detail).note == "compensated: c; had not taken effect: a"


def test_why_says_that_there_was_nothing_to_undo() -> None:
    detail = ended(Phase.COMPENSATED, "ZVV", lines(f"2 ZVV compensated 0: {FOUND_NOTHING}"))

    assert "compensated: nothing, no step had an effect to undo; had not taken effect: a" in str(why(detail).note)
