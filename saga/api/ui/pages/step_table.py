"""The table of steps, of which a page shows a part where there are very many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from saga.api.ui.forms import number_in
from saga.api.ui.pages.sagas import path_of
from saga.core.definition.json_value import Json

STEPS_SHOWN_MAX: Final = 200
FROM_DIGITS_MAX: Final = 4


def steps_from(steps: Sequence[Json], text: str) -> dict[str, Json]:
    """The steps from a position on, as values for a template, with the address of the steps that follow."""
    begin = number_in(text, FROM_DIGITS_MAX) or 0
    end = begin + STEPS_SHOWN_MAX
    more = f"{path_of(**{'from': str(end)})}#steps" if end < len(steps) else None
    return {"steps": steps[begin:end], "more_steps": more, "steps_total": len(steps)}
