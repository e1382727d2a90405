"""Decisions that are the same for every saga of a definition, remembered for as long as its graph lives."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Final

from saga.core.condition.cel import Outcome
from saga.core.condition.question import Question
from saga.core.definition.graph import Graph
from saga.core.rules.decision import Decision

REMEMBERED_MAX: Final = 1_024  # decisions and questions of one definition

Memo = dict[tuple[str | Question, int | Outcome], Decision | Question]
"""The decisions of one graph, by the vector before and the step that succeeds.

Where conditions have a say, it has a question there, and by this question and each answer the next one or the decision.
"""

MEMOS: Final[dict[int, Memo]] = {}
"""All memos, by the `id` of their graph: to hash a graph on each step costs more than the decision."""


NO_MEMO: Final[Memo] = {}


def remember(
    graph: Graph, vector: str, step: int, answers: Sequence[tuple[Question, Outcome]], decision: Decision
) -> None:
    """Keeps the decision on the success of a step. A full memo starts again; a memo goes with its graph."""
    memo = MEMOS.get(id(graph))
    if memo is None:
        memo = MEMOS[id(graph)] = {}
        weakref.finalize(graph, MEMOS.pop, id(graph), None).atexit = False  # before another graph can get this id
    if len(memo) + len(answers) >= REMEMBERED_MAX:
        memo.clear()
    key: tuple[str | Question, int | Outcome] = (vector, step)
    for question, answer in answers:
        known = memo.setdefault(key, question)
        key = (known if isinstance(known, Question) else question, answer)
    memo[key] = decision
