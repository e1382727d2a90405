"""Values on the command line: JSON, a file, or standard input."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Any

from saga.errors import InputRefused, UsageError


def payload_of(text: str | None, word: str) -> Any:
    """Reads a value that is given as JSON, as @FILE or as - for standard input. `word` names it in errors."""
    if text is None:
        return None
    try:
        if text == "-":
            return json_text.loads(sys.stdin.read())
        if text.startswith("@"):
            return json_text.loads(Path(text[1:]).read_text(encoding="utf-8"))
        return json_text.loads(text)
    except OSError as error:
        raise UsageError(f"the {word} cannot be read from {text[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise InputRefused(f"the {word} is not JSON: {error}") from error
