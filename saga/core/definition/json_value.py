"""The type of a JSON value."""

from __future__ import annotations

from typing import Any

# Spelled `Any` inside: a recursive alias costs every reader a cast at each step into it.
Json = Any
