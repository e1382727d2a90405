"""Graphs of every size for the tests of drawings, the SVG as a tree, and sagas that have gone through some of their steps."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID
from xml.etree import ElementTree as ET

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.state.letters import ACTIVE_LETTERS, DISPATCHED, QUARANTINED_LETTERS
from saga.core.state.operation import Operation
from saga.core.state.saga_state import State, initial_state
from saga.ports.saga_detail import CommandDetail, HistoryLine, SagaDetail
from tests.core import graphs

SERVICES = ("inventory", "payments", "risk", "shipping", "warehouse", "mail")
STARTED = 1_800_000_000.0
SVG = "{http://www.w3.org/2000/svg}"


def random_graph(seed: int, size: int, *, has_pivot: bool = True) -> Graph:
    """A graph like those that people write: most steps follow a recent one, some join several, some have nothing to undo."""
    choice = random.Random(seed)  # noqa: S311
    steps = []
    for place in range(size):
        recent = range(max(0, place - 6), place)
        after = sorted(choice.sample(recent, min(len(recent), choice.choice([0, 1, 1, 1, 2, 3]))))
        step = graphs.step(f"step-{place}", choice.choice("JXT"), after=after, compensation=choice.random() < 0.7)
        steps.append(replace(step, service=choice.choice(SERVICES)))
    pivot = choice.randrange(size) if has_pivot and size else -1
    marked = [replace(step, pivot=place == pivot) for place, step in enumerate(steps)]
    return graphs.graph(*marked, deadline_seconds=3_600)


def lived(graph: Graph, seed: int, events: int = 40) -> SagaDetail:
    """A saga of this graph after some random events, decided by the rules; its history is what they noted."""
    choice = random.Random(seed)  # noqa: S311
    now = STARTED
    state = initial_state(graph, now=now)
    history: list[HistoryLine] = []
    happening: list[ev.Event] = [ev.Started()]
    for _ in range(events):
        decision = decide(graph, state, happening, now=now, jitter=0.0, enforce_deadline=False)
        state = decision.state
        history += [
            HistoryLine(now, entry.kind, None if entry.step < 0 else entry.step, entry.detail, state.vector, "p:1")
            for entry in decision.entries
        ]
        now += choice.choice([0.01, 0.2, 3.0, 500.0])
        if state.phase.is_terminal:
            break
        happening = [_event(choice, state)]
    return _detail(graph, state, history, now, choice)


def _event(choice: random.Random, state: State) -> ev.Event:
    active = [step for step, letter in enumerate(state.vector) if letter in ACTIVE_LETTERS]
    stuck = [step for step, letter in enumerate(state.vector) if letter in QUARANTINED_LETTERS]
    if stuck and choice.random() < 0.3:
        return ev.Retried(choice.choice(stuck))
    if not active or choice.random() < 0.05:
        return ev.RollbackRequested("changed their mind")
    step = choice.choice(active)
    if choice.random() < 0.3:
        return ev.Failed(step, "no answer", failures=choice.choice([1, 5]), first_failure_ago_seconds=0.0)
    if state.vector[step] == DISPATCHED:
        return ev.Rejected(step, "sold out") if choice.random() < 0.1 else ev.Succeeded(step)
    return ev.Compensated(step)


def _detail(graph: Graph, state: State, history: list[HistoryLine], now: float, choice: random.Random) -> SagaDetail:
    commands = {
        step: CommandDetail(
            Operation.EXECUTE, choice.choice([None, "p:1"]), now + choice.choice([-1, 5]), None, None, None, 1, 0, None
        )
        for step, letter in enumerate(state.vector)
        if letter in ACTIVE_LETTERS
    }
    return SagaDetail(
        saga=UUID(int=1), graph=graph, state=state, now=now, started_at=STARTED,
        ended_at=history[-1].at if state.phase.is_terminal else None, wake_at=None, key=None, tags=None, input=b"{}",
        commands=commands, records={}, history=tuple(history), serving={}, leader=None,
    )  # fmt: skip


def tree(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 (our own text)


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [part for part in root.iter() if name in part.get("class", "").split()]


def texts(root: ET.Element) -> list[str]:
    return [part.text or "" for part in root.iter(f"{SVG}text")]


def overlapping(boxes: Iterable[tuple[float, float, float, float]]) -> list[tuple[float, float, float, float]]:
    """Returns the boxes (left, top, right, bottom) that cover a part of the one before them in their column."""
    found, last = [], (-1.0, 0.0, 0.0, float("-inf"))
    for box in sorted(boxes):
        if box[0] == last[0] and box[1] < last[3]:
            found.append(box)
        last = box
    return found
