"""The checks of waits and timers: their order, their names, and what may come behind the pivot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from saga import Definition, any_of
from saga.core.check.finding import Code, Finding, Severity
from saga.core.check.safety import check
from saga.core.definition.outline import TimerOutline
from tests.core.samples import CONTRACT


def transfer() -> Definition:
    return Definition("transfer")


def findings(definition: Definition) -> tuple[Finding, ...]:
    """Every handler has a compensation."""
    return definition.findings(
        {name: replace(CONTRACT, service="bank", handler=name.split(".")[1]) for name in definition.contract_names}
    )


def _beside(written: Definition, **wait: Any) -> None:
    written.step("bank.pay", pivot=True)
    written.wait("review", **wait)


def _behind(written: Definition, **wait: Any) -> None:
    written.wait("review", after=written.step("bank.pay", pivot=True), **wait)


@pytest.mark.parametrize(
    ("write", "code", "words"),
    [
        (lambda d: d.wait("review"), Code.NO_CALLS, "none of its steps calls a handler"),
        (
            lambda d: (d.step("bank.a"), d.wait("Re view", name="b")),
            Code.NAME_INVALID,
            "'Re view' cannot name an event",
        ),
        (
            lambda d: (d.step("bank.a"), d.wait("a", name="b", otherwise=1)),
            Code.WAIT_INVALID,
            "b: It has a value for the",
        ),
        (
            lambda d: (d.step("bank.a"), d.wait("a", name="b", timeout="1d", otherwise={"$a": 2**60})),
            Code.WAIT_INVALID,
            "b, otherwise: In the value, the number 1152921504606846976 is beyond",
        ),
        (
            lambda d: (d.cancel_on("stop"), d.step("bank.a", after=d.steps)),
            Code.WAIT_INVALID,
            "a: It comes after cancel_on",
        ),
        (
            lambda d: (d.cancel_on("stop"), d.step("bank.a", when="steps.cancel_on_stop.succeeded")),
            Code.WAIT_INVALID,
            "when that event comes the saga is rolled back",
        ),
        (lambda d: d.step("bank.a", after=d.step("bank.b"), until=d.steps[0]), Code.UNTIL_INVALID, "always be skipped"),
        (
            lambda d: (d.cancel_on("stop"), d.step("bank.a", until=d.steps[0])),
            Code.UNTIL_INVALID,
            "rolled back or over",
        ),
        (
            lambda d: _beside(d, timeout="1d"),
            Code.WAIT_BEHIND_PIVOT,
            "It runs beside the pivot pay, and its time may be",
        ),
        (
            lambda d: _behind(d, timeout="1d"),
            Code.WAIT_BEHIND_PIVOT,
            "It runs behind the pivot pay, and its time may be",
        ),
        (
            lambda d: d.step("bank.a", inputs=d.timer("1d").output),
            Code.MAY_BE_ABSENT,
            "the output of timer_1, which may not be there",
        ),
        (
            lambda d: d.step("bank.a", inputs=d.wait("yes", timeout="1d", handled=True).output),
            Code.MAY_BE_ABSENT,
            "the output of yes",
        ),
        (
            lambda d: d.step("bank.a", inputs=d.step("bank.b", until=d.step("bank.c")).output),
            Code.MAY_BE_ABSENT,
            "the output of b",
        ),
        (
            lambda d: d.step(
                "bank.b", after=any_of(d.timer("1d", until=d.step("bank.pay", pivot=True))), retriable=True
            ),
            Code.JOIN_INVALID,
            "may fail when the pivot pay has passed",
        ),
    ],
)
def test_a_fault_of_waits_in_their_order_is_found(write: Callable[[Any], object], code: Code, words: str) -> None:
    written = transfer()
    write(written)

    (found,) = findings(written)

    assert found.code is code
    assert words in str(found)


@pytest.mark.parametrize("where", [_beside, _behind])
@pytest.mark.parametrize("wait", [{}, {"timeout": "1d", "otherwise": 1}, {"timeout": "1d", "handled": True}])
def test_a_wait_that_never_rolls_back_may_stand_behind_the_pivot(
    where: Callable[..., None], wait: dict[str, Any]
) -> None:
    written = transfer()
    where(written, **wait)
    written.cancel_on("stop")
    written.timer("1d", after=written.steps[0])

    assert findings(written) == ()


def test_the_end_of_a_timer_must_be_a_step_beside_it() -> None:
    written = transfer()
    written.step("bank.a")
    written.timer("1d")
    outline = written.outline()

    def found(**changed: object) -> str:
        first, timer = outline.steps
        assert isinstance(timer, TimerOutline)
        steps = (replace(first, after=("timer_1",)), replace(timer, **cast("Any", changed)))
        (finding,) = (
            each
            for each in check(replace(outline, steps=steps), {"bank.a": replace(CONTRACT, service="bank", handler="a")})
            if each.severity is Severity.ERROR
        )
        return str(finding)

    assert "until names b, which is not a step. The steps are: a, timer_1." in found(until="b")
    assert "until names the step itself" in found(until="timer_1")
    assert "a comes after it" in found(until="a")
    assert "The pause is longer than 3650d" in found(pause_ms=2**50)
