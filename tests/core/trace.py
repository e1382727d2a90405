"""Trace files: a saga, and for each thing that happens to it what is decided. Only the lines behind `>` are read back.

    # What the story is about.
    saga, deadline 60 s
      reserve  journaled
      charge   external   after reserve  pivot

    > started
      RUNNING  reserve dispatched, charge pending
      send execute reserve
      note started
    > at 61: tick; failed charge 1

A header line starts in the first column with `saga`, and may end with `input` and its JSON; each step is a line under it. A step
that `needs 1` begins after that many successes; `when` and `holds` (of an engine step, a check) are CEL to the end of the line.
An engine step without `holds` waits for an hour: a `wait`, which may be one that `cancels`, or a `timer`. `until a`: see `Call.until`.
`at` moves the clock; events that are separated by `;` are folded into one decision. What a step has returned stands behind it, as
JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from saga.core.condition.facts import Facts
from saga.core.definition.graph import Graph
from saga.core.definition.step import Step
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Decision
from saga.core.state.letters import WORDS
from saga.core.state.mode import Mode
from saga.core.state.saga_state import State, initial_state
from tests.core import graphs

_MODES: Final = {mode.name.lower(): mode.value for mode in Mode}
_SAGA_EVENTS: Final[dict[str, Callable[[str], ev.Event]]] = {
    "started": lambda _: ev.Started(),
    "roll back": ev.RollbackRequested,
    "deadline": lambda _: ev.RollbackRequested("deadline passed", deadline=True),
    "paused": lambda _: ev.Paused(),
    "resumed": lambda _: ev.Resumed(),
    "abandoned": lambda _: ev.Abandoned(),
    "extended by": lambda seconds: ev.Extended(float(seconds)),
}
_STEP_EVENTS: Final[dict[str, Callable[[int, str], ev.Event]]] = {
    "succeeded": lambda step, _: ev.Succeeded(step),  # its result is read by `_results`
    "rejected": ev.Rejected,
    "cancelled": ev.Cancelled,
    "failed": lambda step, times: ev.Failed(step, "no answer", failures=int(times), first_failure_ago_seconds=0.0),
    "refused": lambda step, _: ev.Failed(step, "not valid", failures=1, first_failure_ago_seconds=0.0, final=True),
    "ongoing": lambda step, seconds: ev.Ongoing(step, again_in_seconds=float(seconds)),
    "compensated": lambda step, _: ev.Compensated(step),
    "reported": lambda step, finding: ev.Reported(step, ev.JournalReport(finding)),
    "absent": lambda step, _: ev.Absent(step),
    "quiet": lambda step, _: ev.Quiet(step),
    "retried": lambda step, _: ev.Retried(step),
    "happened": lambda step, _: ev.Happened(step),
    "retracted": lambda step, _: ev.Retracted(step, "not wanted"),
    "did not happen": lambda step, _: ev.DidNotHappen(step),
    "waived": lambda step, _: ev.Skipped(step),
    "undone": lambda step, _: ev.CompensatedByHand(step),
}


def replay(text: str) -> str:
    """The same file, with what is decided now."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith(">")), len(lines))
    graph = _graph([line for line in lines[:first] if line and not line.startswith("#")])
    now, state = 0.0, initial_state(graph, now=0.0)
    given, results = lines[_header(lines)].partition(" input ")[2], dict[int, bytes | None]()
    written = lines[:first]
    for line in lines[first:]:
        if not line.startswith(">"):
            if line.startswith("#") or not line:
                written.append(line)
            continue
        clock, _, happened = line[1:].rpartition(": ")
        now = float(clock.removeprefix(" at ")) if clock else now
        events = [_event(graph, part.strip()) for part in happened.split(";")]
        results |= _results(graph, happened.split(";"))
        facts = Facts(given.encode() or None, results)
        decision = decide(graph, state, events, now=now, jitter=0.5, enforce_deadline=True, facts=facts)
        written += [line, *_shown(graph, state, decision)]
        state = decision.state
    return "\n".join(written) + "\n"


def _header(lines: list[str]) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith("saga"))


def _results(graph: Graph, happened: list[str]) -> dict[int, bytes | None]:
    """The values that the steps which succeed have returned, where such a value stands behind a step."""
    words = [each.strip().split(maxsplit=2) for each in happened]
    return {graph.position(each[1]): each[2].encode() for each in words if each[0] == "succeeded" and len(each) > 2}


def _graph(lines: list[str]) -> Graph:
    deadline = lines[0].partition(" input ")[0].partition("deadline ")[2].removesuffix(" s")
    names = [line.split()[0] for line in lines[1:]]
    steps = [_step(line, names) for line in lines[1:]]
    return graphs.graph(*steps, deadline_seconds=int(deadline) if deadline else None)


def _step(line: str, names: list[str]) -> Step:
    line, _, holds = line.partition(" holds ")
    line, _, condition = line.partition(" when ")
    words = line.split()
    after = [names.index(name) for name in words[words.index("after") + 1].split(",")] if "after" in words else []
    until = names.index(words[words.index("until") + 1]) if "until" in words else None
    if "timer" in words:
        return graphs.timer(words[0], after=after, until=until)
    if "wait" in words:
        return graphs.wait(words[0], after=after, cancels="cancels" in words, handled="handled" in words)
    if _MODES[words[1]] == Mode.ENGINE.value:
        return graphs.check(words[0], holds=holds.strip(), after=after, condition=condition.strip() or None)
    return graphs.step(
        words[0],
        _MODES[words[1]],
        after=after,
        pivot="pivot" in words,
        compensation="read-only" not in words,
        read_only="read-only" in words,
        handled="handled" in words,
        optional="optional" in words,
        successes=int(words[words.index("needs") + 1]) if "needs" in words else 0,
        condition=condition.strip() or None,
        until=until,
    )


def _event(graph: Graph, text: str) -> ev.Event:
    if text.startswith("unclaimed"):
        return ev.Unclaimed(frozenset(graph.position(name) for name in text.split()[1:]))
    if text.startswith("tick"):
        return ev.Redriven(held=frozenset(graph.position(name) for name in text.split()[2:]))
    for kind, saga_event in _SAGA_EVENTS.items():
        if text.startswith(kind):
            return saga_event(text.removeprefix(kind).strip())
    for kind, step_event in _STEP_EVENTS.items():
        if text.startswith(kind):
            name, _, detail = text.removeprefix(kind).strip().partition(" ")
            return step_event(graph.position(name), detail)
    raise ValueError(f"{text!r} is not an event")


def _shown(graph: Graph, before: State, decision: Decision) -> Iterator[str]:
    yield f"  {_state(graph, decision.state)}" if decision.changed else "  nothing changes"
    if decision.state.deadline != before.deadline and decision.state.deadline is not None:
        yield f"  deadline is now {decision.state.deadline:g}"
    for command in decision.commands:
        words = command.operation.name.lower().replace("_", " ")
        later = f" after {command.after_seconds:g} s" if command.after_seconds else ""
        yield f"  send {words} {graph.steps[command.step].name}{later}"
    for entry in decision.entries:
        name = f" {graph.steps[entry.step].name}" if entry.step >= 0 else ""
        yield f"  note {entry.kind}{name}" + (f" ({entry.detail})" if entry.detail else "")


def _state(graph: Graph, state: State) -> str:
    pairs = zip(graph.steps, state.vector, strict=True)
    steps = ", ".join(f"{step.name} {WORDS[letter]}" for step, letter in pairs)
    flags = "; rollback asked for" * state.rollback_requested + "; paused" * state.paused + "; stuck" * state.is_stuck
    return f"{state.phase.name}  {steps}{flags}"
