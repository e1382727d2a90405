"""Words a validation error in one line."""

from __future__ import annotations

import pydantic


def validation_message(error: Exception) -> str:
    """Every field that does not fit, and why."""
    if isinstance(error, pydantic.ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'value'}: {detail['msg']}" for detail in error.errors()
        )
    return str(error)
