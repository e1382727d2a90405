"""The records that the audit compares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One effect in a service's table."""

    saga: str
    amount: int


@dataclass(frozen=True, slots=True)
class Saga:
    """One saga as the store has it: `phase` and `vector` as letters, `key` the start key, `number` its input."""

    id: str
    definition: str
    key: str
    number: int
    phase: str
    vector: str
