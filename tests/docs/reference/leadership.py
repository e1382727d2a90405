"""docs/concepts/leadership.md, from the docstring of the election port."""

from __future__ import annotations

import inspect

from saga.ports import election


def leadership() -> str:
    return f"# Leadership\n\n{inspect.cleandoc(election.__doc__ or '')}\n"
