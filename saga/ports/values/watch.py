"""Watching sagas: what tells that one has changed, and what is read of it then."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID


class Mark(NamedTuple):
    """Changes whenever something about a saga does that people see: a transition, a claim, a failure."""

    version: int
    activity: int
    claims: int


class Watched(NamedTuple):
    """A saga that is read again. Its history is read from behind this version, and from this time on."""

    saga: UUID
    version: int
    since: float
