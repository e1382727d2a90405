"""Words for what makes a saga take one way or another: conditions, joins that count, checks, handled rejections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saga.core.definition.step import Check, Step
from saga.inspection.wording import shortened

CONDITION_CHARS_MAX: Final = 60
"""Characters of a condition that are shown."""


def branch_words(step: Step) -> Iterator[str]:
    """Yields what a person should know of a step that does not simply follow its predecessors."""
    if step.successes:
        yield f"{step.successes} of {len(step.after)}"
    if step.condition is not None:
        yield f"if {shortened(step.condition, CONDITION_CHARS_MAX)}"
    if isinstance(step, Check):
        yield f"checks {shortened(step.holds, CONDITION_CHARS_MAX)}"
        yield f"else rejects: {step.reason}"
    if step.optional:
        yield "optional"
    elif step.handled:
        yield "rejection handled"
