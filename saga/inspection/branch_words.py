"""Words for steps that do more than follow their predecessors: conditions, joins that count, checks, waits, timers, handled rejections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.definition.step import Check, Step, Timer, Wait
from saga.core.duration import duration_text
from saga.inspection.wording import shortened

CONDITION_CHARS_MAX: Final = 60
"""Characters of a condition that are shown."""


def waiting_words(step: Step) -> Iterator[str]:
    """Yields what a wait or a timer waits for, and what follows when the time of a wait is over."""
    if isinstance(step, Timer):
        yield f"waits {duration_text(step.pause_ms)}"
    elif isinstance(step, Wait):
        limit = "" if step.wait_ms is None else f", up to {duration_text(step.wait_ms)}"
        names = " or ".join(step.names)
        yield f"rolls back on {names}" if step.cancels else f"waits for {names}{limit}"
        if step.otherwise is not None:
            value = json.dumps(step.otherwise["value"], ensure_ascii=False)
            yield f"else succeeds with {shortened(value, CONDITION_CHARS_MAX)}"
        elif limit:
            yield "else rejects"


def checking_words(step: Check) -> str:
    """Says what must hold."""
    return f"checks {shortened(step.holds, CONDITION_CHARS_MAX)}"


def branch_words(graph: Graph, step: Step) -> Iterator[str]:
    """Yields what a person should know of a step that does not simply follow its predecessors."""
    yield from waiting_words(step)
    if step.successes:
        yield f"{step.successes} of {len(step.after)}"
    if step.condition is not None:
        yield f"if {shortened(step.condition, CONDITION_CHARS_MAX)}"
    if step.until is not None:
        yield f"skipped once {graph.steps[step.until].name} has finished"
    if isinstance(step, Check):
        yield checking_words(step)
        yield f"else rejects: {step.reason}"
    if step.optional:
        yield "optional"
    elif step.handled:
        yield "rejection handled"
