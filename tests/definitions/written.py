"""Hypothesis strategies of definitions as authors write them, with every word in use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, cast

from hypothesis import strategies as st

from saga import Definition, Retry, at_least
from saga.authoring import Path, StepHandle
from saga.authoring.input_type import JsonSchema
from saga.core.definition.contract import Contract
from saga.core.definition.outline import WaitOutline
from saga.core.state.mode import Mode
from tests.core.samples import CONTRACT, keys, scalars, segments, values

NAMES = ("a", "b", "charge", "reserve_2", "ship")
CONDITIONS = ('input.kind == "x: #y"', "input.cents > 100\n&& input.cents < 900", '"b" in input.tags')
EVENTS: dict[str, Any] = {"review": None, "yes": JsonSchema({"title": "A verdict"}), "a": None}
durations = st.sampled_from(["30s", "1ms", "1h30m", 12, 0.5, "2d"])
retries = st.builds(
    Retry,
    attempts=st.sampled_from(["auto", None, 1, 10, 20]),
    first=st.sampled_from(["200ms", "1s"]),
    cap=st.sampled_from(["30s", "2m"]),
    factor=st.sampled_from([1, 1.5, 2.0]),
    jitter=st.sampled_from([0, 0.2, 0.33]),
    give_up_after=st.sampled_from([None, "1h"]),
)
texts = st.sampled_from(
    [
        "",
        "no",
        "12:30",
        "1e3",
        "0x1f",
        "007",
        "${x}",
        "$$${",
        "- a",
        "# a",
        "a: b",
        "!x",
        "\t",
        " a\n\nb ",
        "\x85",
        "null",
    ]
)


@st.composite
def definitions(draw: st.DrawFn) -> Definition[Any]:
    """Definitions of up to five steps. They are sound in form, not in what safety asks."""
    schema: Any = draw(st.sampled_from([None, JsonSchema({"title": "An order", "default": "no"})]))
    made: Definition[Any] = Definition(
        draw(st.sampled_from(NAMES)),
        draw(st.integers(1, 9)),
        input=schema,
        deadline=cast("Any", draw(st.none() | durations)),
        compensation_budget=cast("Any", draw(durations)),
    )
    pivot = draw(st.integers(-1, len(NAMES) - 1))
    for position, name in enumerate(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))):
        kind = draw(st.sampled_from(["check", "wait", "timer", "cancel_on", "step", "step", "step"]))
        if kind == "check":
            made.check(draw(st.sampled_from(CONDITIONS)), draw(texts), name=name, **_order(draw, made.steps))
        elif kind == "wait":
            _wait(draw, made, name)
        elif kind == "timer":
            made.timer(
                cast("Any", draw(durations)), name=name, **_order(draw, made.steps), until=draw(_ends(made.steps))
            )
        elif kind == "cancel_on":
            event = draw(st.sampled_from(list(EVENTS)))
            made.cancel_on(event, EVENTS[event], name=name)
        else:
            made.step(
                f"shop.{draw(st.sampled_from(NAMES))}",
                name=name,
                **_order(draw, made.steps),
                inputs=draw(_values(made)),
                retry=draw(retries),
                compensation_retry=draw(retries),
                timeout=cast("Any", draw(durations)),
                delay=cast("Any", draw(st.none() | durations)),
                until=draw(_ends(made.steps)),
                pivot=position == pivot,
                retriable=draw(st.booleans()),
                read_only=draw(st.booleans()),
                handled=draw(st.booleans()),
                optional=draw(st.booleans()),
            )
    made.returns(draw(_values(made)))
    return made


def _wait(draw: st.DrawFn, made: Definition[Any], name: str) -> None:
    events = draw(st.lists(st.sampled_from(list(EVENTS)), min_size=1, max_size=2, unique=True))
    is_answered = len(events) == 1 and draw(st.booleans())
    otherwise: dict[str, Any] = {"otherwise": draw(values)} if is_answered else {}
    made.wait(
        {event: EVENTS[event] for event in events},
        name=name,
        **_order(draw, made.steps),
        timeout=cast("Any", draw(st.none() | durations)),
        handled=draw(st.booleans()),
        **otherwise,
    )


def _ends(steps: tuple[StepHandle, ...]) -> st.SearchStrategy[StepHandle | None]:
    return st.none() | st.sampled_from(steps) if steps else st.none()


def _order(draw: st.DrawFn, before: tuple[StepHandle, ...]) -> dict[str, Any]:
    named = draw(st.lists(st.sampled_from(before), max_size=3, unique_by=lambda step: step.name)) if before else []
    is_join = bool(named) and draw(st.booleans())
    read = [f"steps.{step.name}.rejected" for step in named]
    return {
        "after": at_least(draw(st.integers(1, len(named))), named) if is_join else named,
        "when": draw(st.none() | st.sampled_from([*CONDITIONS, *read])),
    }


def _values(made: Definition) -> st.SearchStrategy[object]:
    paths = segments.map(partial(_path, made.input))
    for step, outline in zip(made.steps, made.outline().steps, strict=True):
        has_payload = isinstance(outline, WaitOutline) and len(outline.names) > 1
        output = step.output.payload if has_payload else step.output
        paths |= st.just(step.reason) | segments.map(partial(_path, output))
    leaves = scalars | texts | paths
    some = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=4
    )
    with_default = st.builds(lambda path, default: path.or_(default), paths, some)
    return st.recursive(some | with_default, lambda inner: st.dictionaries(keys, inner, max_size=2), max_leaves=4)


def _path(start: Path, parts: tuple[str | int, ...]) -> Path:
    for part in parts:
        start = start[part]
    return start


@st.composite
def contracts(draw: st.DrawFn) -> dict[str, Contract]:
    """A contract for every handler that these definitions call."""
    made = [
        replace(
            CONTRACT,
            handler=name,
            mode=draw(st.sampled_from([Mode.EXTERNAL, Mode.TRANSACTIONAL])),
            has_compensation=draw(st.booleans()),
            read_only=draw(st.booleans()),
        )
        for name in NAMES
    ]
    return {contract.name: contract for contract in made}
