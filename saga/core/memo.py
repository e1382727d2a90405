"""Decisions that are the same for every saga of a definition, remembered for as long as its graph lives."""

from __future__ import annotations

import weakref
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.rules.decision import Decision

REMEMBERED_MAX: Final = 1_024  # decisions of one definition

Memo = dict[tuple[str, int], Decision]
"""The decisions of one graph, by the vector before and the step that succeeds."""

MEMOS: Final[dict[int, Memo]] = {}
"""All memos, by the `id` of their graph: to hash a graph on each step costs more than the decision."""


NO_MEMO: Final[Memo] = {}


def remember(graph: Graph, vector: str, step: int, decision: Decision) -> None:
    """Keeps the decision on the success of a step. A full memo starts again; a memo goes with its graph."""
    memo = MEMOS.get(id(graph))
    if memo is None:
        memo = MEMOS[id(graph)] = {}
        weakref.finalize(graph, MEMOS.pop, id(graph), None).atexit = False  # before another graph can get this id
    if len(memo) == REMEMBERED_MAX:
        memo.clear()
    memo[vector, step] = decision
