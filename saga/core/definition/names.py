"""Names of definitions, steps, services and handlers. They become parts of topics, keys and columns."""

from __future__ import annotations

import re
from typing import Final

NAME_CHARS_MAX: Final = 63
NAME_RULE: Final = f"a-z, 0-9 and _, a letter first, at most {NAME_CHARS_MAX} characters"

_PATTERN: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{NAME_CHARS_MAX - 1}}}", re.ASCII)


def is_name(text: str) -> bool:
    """Returns whether a text may name a definition, a step, a service or a handler."""
    return _PATTERN.fullmatch(text) is not None
