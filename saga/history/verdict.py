"""The verdict of the checker on a store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from saga.history.rule import Rule

FINDINGS_MAX: Final = 1_000  # kept; further ones are only counted


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that one saga's history breaks. `version` names the transition, if it is about one; `process` wrote it."""

    saga: UUID
    version: int | None
    rule: Rule
    was: str
    expected: str
    process: int | None

    def __str__(self) -> str:
        at = "" if self.version is None else f" at version {self.version}"
        by = "" if self.process is None else f" (process {self.process})"
        return f"saga {self.saga}{at}{by}: {self.rule.value}: {self.was}; expected {self.expected}"


@dataclass(slots=True)
class Verdict:
    """The numbers of sagas and transitions that were checked, the uses of each rule, and the breaches.

    `unverifiable`: why sagas could not be checked, and how many: their history is gone, or a newer Saga wrote it.
    """

    sagas: int = 0
    transitions: int = 0
    uses: Counter[Rule] = field(default_factory=Counter)
    unverifiable: Counter[str] = field(default_factory=Counter)
    broken_sagas: int = 0
    findings_found: int = 0
    findings: list[Breach] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """No rule was broken."""
        return self.findings_found == 0

    def add(self, findings: list[Breach]) -> None:
        """Adds the breaches of one saga."""
        self.broken_sagas += bool(findings)
        self.findings_found += len(findings)
        self.findings += findings[: FINDINGS_MAX - len(self.findings)]
