"""Sagas with branches: results of handled steps, what nobody knows any more, and documents of newer builds."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.core.condition.facts import Facts
from saga.core.condition.rejection import rejection_document
from saga.history import Rule, plan_of
from saga.ports.saga_history import SagaHistory
from tests.core.graphs import chain
from tests.history.branch_pairs import (
    BRANCH_PAIRS,
    LARGE,
    RECORDED,
    RISKY,
    SKIPS,
    SMALL,
    STARTED,
    asked,
    checked,
    second,
)
from tests.history.decided import branched, driven
from tests.history.handwritten import checks_of, chronicle, findings, findings_of, transitions

unhurried = settings(deadline=None, max_examples=50)  # the first condition loads the library
HANDLED: Final = second(handled=True)
REFUSED: Final = chronicle(transitions(STARTED, "R SDP  succeeded 0", "R SHD  rejected, handled 1 (no money)"))


@unhurried
@given(st.randoms(use_true_random=False))
def test_what_the_core_decides_on_branches_keeps_the_rules(rng: Random) -> None:
    saga = driven(branched(rng), rng)

    assert findings(saga.graph, saga.chronicle()) == []


@pytest.mark.parametrize(
    ("result", "rules"),
    [
        (rejection_document("no money"), []),
        (rejection_document("another"), [Rule.RESULT]),
        (b'{"$saga":"done","reason":"no money"}', [Rule.RESULT]),
        (b'"no money"', [Rule.RESULT]),
    ],
)
def test_the_result_of_a_handled_step_is_the_reason_of_its_rejection(result: bytes, rules: list[Rule]) -> None:
    recorded = replace(REFUSED, facts=Facts(b"{}", {1: result}))

    assert [finding.rule for finding in findings(HANDLED, recorded)] == rules


def test_a_handled_step_without_a_result_is_found() -> None:
    (finding,) = findings(HANDLED, replace(REFUSED, results=frozenset({0})))

    assert (finding.rule, finding.was) == (Rule.RESULT, "b is H with no result")


def test_neither_a_check_nor_a_skipped_step_has_a_result() -> None:
    passed = chronicle(transitions(STARTED, "R SSD  succeeded 0; succeeded 1"), RECORDED)
    skipped = chronicle(transitions(STARTED, "R SND  succeeded 0; skipped: its condition is false 1"), RECORDED)
    with_result = frozenset({0, 1})

    assert findings(checked(LARGE), replace(passed, results=frozenset({0}))) == []
    assert [each.was for each in findings(checked(LARGE), replace(passed, results=with_result))] == [
        "b is S with a result"
    ]
    assert [each.was for each in findings(second(condition=SMALL), replace(skipped, results=with_result))] == [
        "b is N with a result"
    ]


def test_a_check_has_no_output_that_a_condition_could_read() -> None:
    without_output = asked("!has(steps.a.output)")

    assert findings_of(without_output, "R SD  started; succeeded 0", facts=RECORDED) == []
    assert [each.rule for each in findings_of(without_output, f"R SN  started; succeeded 0; {SKIPS} 1", facts=RECORDED)]


def test_a_finding_says_what_should_have_become_of_the_step() -> None:
    (finding,) = findings_of(second(condition=SMALL), STARTED, "R SDP  succeeded 0", facts=RECORDED)
    found = findings_of(checked(LARGE), STARTED, "R SPP  succeeded 0", facts=RECORDED)

    assert (finding.rule, finding.was, finding.expected) == (
        Rule.CONDITION, "b is D", "skipped, since its condition is false",
    )  # fmt: skip
    assert [(each.was, each.expected) for each in found] == [
        ("b is P, and its turn has come", "succeeded, since it holds")
    ]


BOTH_WAYS: Final = (
    (STARTED, "R SDP  succeeded 0"),
    (STARTED, "R SND  succeeded 0; skipped: its condition is false 1"),
)


@pytest.mark.parametrize("lines", BOTH_WAYS)
def test_a_condition_on_what_was_not_recorded_is_not_judged(lines: tuple[str, ...]) -> None:
    without = replace(chronicle(transitions(*lines)), facts=None)

    assert findings(second(condition=RISKY), without) == []


@pytest.mark.parametrize("condition", [RISKY, RISKY.replace(".a.", '["a"].'), RISKY.replace(".a.", " . a . ")])
@pytest.mark.parametrize("vector", ["R SDP", "R SND"])
def test_a_condition_on_a_success_that_a_person_declared_is_not_judged(vector: str, condition: str) -> None:
    skips = "; skipped: its condition is false 1" if "N" in vector else ""
    refused = ("R DPP  rollback waits 0", "R dPP  quarantined 0")
    happened = f"{vector}  resolved by an operator: it happened 0; succeeded 0; rollback refused 0{skips}"
    declared = pivot_first(condition)

    assert findings(declared, without_results(chronicle(transitions(STARTED, *refused, happened)))) == []


def pivot_first(condition: str) -> Any:
    whole = second(condition=condition)
    first, *others = whole.steps
    return replace(whole, steps=(replace(first, pivot=True), *others))


def without_results(recorded: SagaHistory) -> SagaHistory:
    return replace(recorded, results=frozenset())


@pytest.mark.parametrize("name", BRANCH_PAIRS)
def test_branches_of_a_long_history_need_no_vector_where_a_step_succeeds(name: str) -> None:
    pair = BRANCH_PAIRS[name]
    whole = chronicle(transitions(*pair.right), pair.facts, checks_of(pair.graph))
    notes = [note._replace(vector=None) if note.kind == "succeeded" else note for note in whole.transitions]

    assert findings(pair.graph, replace(whole, transitions=notes)) == []


def changed(**fields: object) -> bytes:
    """A document in which the first step says something more."""
    document = json.loads(chain("TT").canonical)
    document["steps"][0] |= fields
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        (changed(lock="2d"), "the keys lock of a step"),
        (changed(kind="map"), "steps of the kind 'map'"),
        (
            json.dumps({**json.loads(chain("T").canonical), "race": "x"}).encode(),
            "the keys race of a definition",
        ),
        (json.dumps({**json.loads(chain("T").canonical), "format": 4}).encode(), "format 4"),
    ],
)
def test_what_only_a_newer_build_can_say_is_refused_as_newer(document: bytes, unknown: str) -> None:
    with pytest.raises(ValueError, match=f"{unknown}.*: a newer Saga wrote it"):
        plan_of(document)
