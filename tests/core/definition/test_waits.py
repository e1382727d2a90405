"""Waits, timers and delays: how they are written, what is stored, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from saga import Definition, any_of
from saga.codec.codec import Misfit
from saga.core.check.contracts import check_frozen
from saga.core.check.deployment import deployment_gaps
from saga.core.check.finding import Code, Finding
from saga.core.definition.graph import Graph, graph_from_json
from saga.core.definition.outline import WaitOutline
from saga.core.definition.step import Call, Timer, Wait
from saga.errors import DefinitionError, UsageError
from tests.core.samples import CONTRACT

DAY_MS = 86_400_000


class Verdict(BaseModel):
    """The payload of the event review."""

    approved: bool
    by: str = "somebody"


def transfer() -> Definition:
    return Definition("transfer")


def findings(definition: Definition) -> tuple[Finding, ...]:
    """Every handler has a compensation, but for `send`."""
    return definition.findings(
        {
            name: replace(
                CONTRACT,
                service=name.split(".")[0],
                handler=name.split(".")[1],
                has_compensation=not name.endswith(".send"),
            )
            for name in definition.contract_names
        }
    )


def frozen(definition: Definition) -> Graph:
    assert [str(found) for found in findings(definition)] == []
    return definition.graph(
        {
            name: replace(CONTRACT, service=name.split(".")[0], handler=name.split(".")[1])
            for name in definition.contract_names
        }
    )


def refusal(write: Callable[[Definition], object]) -> Finding:
    with pytest.raises(DefinitionError) as caught:
        write(transfer())
    (found,) = caught.value.findings
    assert isinstance(found, Finding)
    return found


def test_a_wait_is_stored_with_its_events_and_read_back_with_the_same_hash() -> None:
    written = transfer()
    asked = written.step("bank.ask")
    review = written.wait("review", Verdict, after=asked, timeout="3d", otherwise=Verdict(approved=False))
    written.step("bank.pay", after=review, inputs={"by": review.output.by})

    graph = frozen(written)

    wait = graph.steps[1]
    assert wait == Wait(
        name="review",
        names=("review",),
        pivot=False,
        retriable=False,
        wait_ms=3 * DAY_MS,
        otherwise={"value": {"approved": False, "by": "somebody"}},
        after=(0,),
        service="bank",
    )
    assert json.loads(graph.canonical)["format"] == 3
    assert graph_from_json(graph.canonical) == graph
    assert graph.event_schemas["review"]["properties"].keys() == {"approved", "by"}


def test_the_output_of_a_wait_for_several_events_says_which_one_came() -> None:
    written = transfer()
    written.step("bank.ask")
    answer = written.wait(
        {"approved": Verdict, "declined": Verdict},
        name="answer",
        timeout="1d",
        otherwise={"event": "nobody", "payload": 3},
    )
    written.step("bank.pay", when=answer.output.event == "approved", inputs={"by": answer.output.payload.by})

    (wait,) = (step for step in written.outline().steps if isinstance(step, WaitOutline))
    assert wait.names == ("approved", "declined")
    assert wait.otherwise == {"value": {"event": "nobody", "payload": 3}}
    with pytest.raises(DefinitionError, match=r"has no field 'by'\. The fields are: event, payload"):
        _ = answer.output.by
    assert findings(written) == ()


def test_a_payload_of_several_types_is_not_checked() -> None:
    written = transfer()
    answer = written.wait({"approved": Verdict, "declined": str}, name="answer")
    written.step("bank.pay", inputs=answer.output.payload.whatever)

    assert findings(written) == ()


def test_paths_into_an_event_are_checked() -> None:
    written = transfer()
    review = written.wait("review", Verdict)

    with pytest.raises(DefinitionError, match=r"which has no field 'of'\. The fields are: approved, by"):
        _ = review.output.of


def test_a_path_that_the_schema_of_an_event_lacks_is_found() -> None:
    text = """
        name: transfer
        events: {review: {type: object, properties: {by: {type: string}}, additionalProperties: false}}
        steps:
          - wait: review
          - step: bank.pay
            when: steps.review.output.of == 1
    """
    (found,) = findings(Definition.from_yaml(text))

    assert found.code is Code.FIELD_UNKNOWN
    assert "review.output has no 'of', says the type of its event. The fields are: by." in str(found)


def test_a_delayed_step_is_a_timer_with_a_call_behind_it() -> None:
    written = transfer()
    asked = written.step("bank.ask")
    answer = written.wait("answer", after=asked)
    written.step("bank.remind", after=asked, when=asked.output.risk > 1, delay="2d", until=answer)

    _, _, timer, call = frozen(written).steps

    assert isinstance(timer, Timer)
    assert (timer.name, timer.pause_ms, timer.after, timer.until) == ("remind_delay", 2 * DAY_MS, (0,), 1)
    assert isinstance(call, Call)
    assert (call.after, call.until) == ((2,), 1)
    assert timer.condition == call.condition == "steps.ask.output.risk > 1"
    assert not timer.handled


def test_a_delay_does_not_lose_a_join_and_its_handled_rejection() -> None:
    written = transfer()
    first, second = written.step("bank.ask", handled=True), written.step("bank.beg", handled=True)
    written.step("bank.pay", after=any_of(first, second), delay="1h", handled=True)

    timer, call = written.outline().steps[2:]

    assert (timer.successes, timer.handled, timer.after) == (1, True, ("ask", "beg"))
    assert (call.successes, call.handled, call.after) == (1, True, ("pay_delay",))
    assert findings(written) == ()


def test_a_wait_has_the_service_of_the_nearest_call() -> None:
    written = transfer()
    written.step("mail.greet")
    early = written.wait("early")
    begun = written.step("bank.begin", after=early)
    paused = written.timer("1h", after=written.timer("1h", after=begun))
    written.step("mail.tell", after=paused)
    written.cancel_on("stopped")

    assert {step.name: step.service for step in frozen(written).steps} == {
        "greet": "mail",
        "early": "bank",
        "begin": "bank",
        "timer_1": "bank",
        "timer_2": "bank",
        "tell": "mail",
        "cancel_on_stopped": "mail",
    }


def test_a_process_needs_no_handler_for_a_wait_of_its_service() -> None:
    written = transfer()
    written.wait("review", after=written.step("bank.ask"))

    graph = frozen(written)

    gaps = deployment_gaps([graph], ["bank"], {})

    assert [gap.split(":")[0] for gap in gaps] == ["transfer v1, step ask"]
    assert [found.place for found in check_frozen(graph, {})] == ["transfer v1, step ask"]


def test_a_value_that_looks_like_a_path_is_only_a_value() -> None:
    written = transfer()
    written.step("bank.ask")
    written.wait("review", timeout="1d", otherwise={"$path": ["steps", "ask"]})

    graph = frozen(written)

    assert graph_from_json(graph.canonical) == graph
    assert Definition.from_yaml(written.to_yaml()).outline() == written.outline()


def test_a_wait_that_cancels_leaves_the_closing_step_the_pivot() -> None:
    written = transfer()
    written.cancel_on("cancelled")
    reserved = written.step("bank.reserve")
    written.step("bank.send", after=reserved)

    assert findings(written) == ()
    graph = written.graph(
        {
            "bank.reserve": replace(CONTRACT, service="bank", handler="reserve"),
            "bank.send": replace(CONTRACT, service="bank", handler="send", has_compensation=False),
        }
    )
    assert graph.steps[graph.pivot].name == "send"
    assert graph.cancelling == (0,)


def test_an_event_is_written_as_its_type_says() -> None:
    written = transfer()
    written.wait("review", Verdict)
    written.wait("anything")

    assert written.encode_event("review", {"approved": True}) == b'{"approved":true,"by":"somebody"}'
    assert written.encode_event("anything", [1]) == b"[1]"
    assert written.event_names == ("review", "anything")
    with pytest.raises(Misfit, match="approved"):
        written.encode_event("review", {"by": "me"})
    with pytest.raises(UsageError, match="The events are: review, anything"):
        written.encode_event("revieww", None)


def _cancel_in_block(written: Definition) -> None:
    with written.when("input.cents > 1"):
        written.cancel_on("stop")


@pytest.mark.parametrize(
    ("write", "code", "words"),
    [
        (lambda d: d.wait("review", timeout=0), Code.TIME_INVALID, "timeout=0 is not above zero"),
        (lambda d: d.wait("review", timeout="4000d"), Code.TIME_INVALID, "the longest duration is 3650d"),
        (lambda d: d.timer("0s"), Code.TIME_INVALID, "pause='0s' is not above zero"),
        (lambda d: d.step("bank.ask", delay=0), Code.TIME_INVALID, "delay=0 is not above zero"),
        (
            lambda d: d.wait(["yes", "no"]),
            Code.NAME_INVALID,
            "yes or no has no name of its own. Give it one with name=",
        ),
        (lambda d: d.wait([]), Code.EVENT_INVALID, "waits for nothing"),
        (lambda d: d.wait({"yes": int}, str), Code.EVENT_INVALID, "a type for each event, and one for all"),
        (
            lambda d: (d.wait("yes"), d.wait("yes", int, name="b")),
            Code.EVENT_INVALID,
            "step b: Another wait for yes has",
        ),
        (
            lambda d: d.wait("yes", int, timeout="1d", otherwise="no"),
            Code.EVENT_INVALID,
            "otherwise='no' does not fit: ",
        ),
        (
            lambda d: d.wait("yes", timeout="1d", otherwise={"a": [d.input.a]}),
            Code.EVENT_INVALID,
            "has a recorded path",
        ),
        (
            lambda d: d.wait("yes", timeout="1d", otherwise=float("nan")),
            Code.EVENT_INVALID,
            "otherwise=nan does not fit",
        ),
        (
            lambda d: d.wait(["yes", "no"], name="answer", timeout="1d", otherwise="no"),
            Code.EVENT_INVALID,
            "of several events, it is {'event': a name, 'payload': a value}",
        ),
        (
            lambda d: d.wait({"yes": int, "no": None}, name="b", timeout=9, otherwise={"event": "yes", "payload": "x"}),
            Code.EVENT_INVALID,
            "does not fit",
        ),
        (lambda d: d.timer("1d", until="ask"), Code.FOREIGN, "until='ask' is not a step"),
        (lambda d: d.timer("1d", until=transfer().step("bank.ask")), Code.FOREIGN, "of another definition"),
        (lambda d: (d.step("bank.ask", name="a_delay"), d.step("bank.a", delay=9)), Code.NAME_TWICE, "step a_delay"),
        (_cancel_in_block, Code.CONDITION_MISUSED, "inside a block of when"),
    ],
)
def test_a_fault_of_a_wait_is_refused_on_its_line(write: Callable[[Any], object], code: Code, words: str) -> None:
    found = refusal(write)

    assert found.code is code
    assert words in str(found)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"names": []}, "waits for events without names"),
        ({"names": [1]}, "waits for events without names"),
        ({"otherwise": 5}, "otherwise is not an object with a value"),
        ({"otherwise": {"values": 5}}, "otherwise is not an object with a value"),
        ({"wait_ms": "1"}, "wait_ms has a str of the wrong type"),
        ({"after": [7]}, "has no predecessor '7'"),
    ],
)
def test_a_faulty_stored_wait_is_refused(changed: dict[str, object], words: str) -> None:
    written = transfer()
    written.step("bank.ask")
    written.wait("review")
    document = json.loads(frozen(written).canonical)
    document["steps"][1] |= changed

    with pytest.raises(DefinitionError, match=words):
        graph_from_json(json.dumps(document))


def test_a_timer_whose_end_is_not_a_step_is_refused() -> None:
    written = transfer()
    written.timer("1d", until=written.step("bank.ask"))
    document = json.loads(frozen(written).canonical)
    document["steps"][1]["until"] = 2

    with pytest.raises(DefinitionError, match="has no predecessor '2'"):
        graph_from_json(json.dumps(document))
