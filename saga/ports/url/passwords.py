"""Removes passwords from texts that people read."""

from __future__ import annotations

import re
from typing import Final

_CREDENTIALS: Final = re.compile(r'(://[^\s":]*):(?:(?!://)[^\s"])*@')
"""Up to the last @ before the text, or the next URL, ends: a password may contain @, / and # that were not escaped."""
_OPTION: Final = re.compile(r'([?&][\w.-]*(?:password|passwd|secret|token)[\w.-]*=)[^&\s"]+', re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text with the passwords in its URLs replaced by asterisks. It may hide more of a URL than its password, never less."""
    return _OPTION.sub(r"\1***", _CREDENTIALS.sub(r"\1:***@", text))
