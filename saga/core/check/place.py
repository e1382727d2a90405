"""Where a finding is: the definition, and the step."""

from __future__ import annotations

from saga.core.definition.outline import AnyStepOutline, Outline


def title(outline: Outline) -> str:
    return f"{outline.name} v{outline.version}"


def step_place(outline: Outline, step: AnyStepOutline) -> str:
    return f"{title(outline)}, step {step.name}"
