"""The requests of operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from saga.errors import UsageError

ActionName = Literal["roll back", "pause", "resume", "retry", "skip", "resolve", "undo step", "abandon"]
Evidence = Literal["happened", "did-not-happen", "compensated"]
ACTIONS: Final[tuple[ActionName, ...]] = get_args(ActionName)
EVIDENCE: Final[tuple[Evidence, ...]] = get_args(Evidence)
GRAVE: Final[frozenset[ActionName]] = frozenset(("roll back", "skip", "resolve", "undo step", "abandon"))
"""The actions that cannot be taken back: an operator should have seen the plan before."""


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """An action of an operator on a saga.

    `step`: the name of a quarantined step, for skip and resolve; of retry None means all of them; for undo step, that of any step that
    has begun. `evidence`: only for resolve.

    Raises:
        UsageError: there is no such action or evidence, or step or evidence are missing or do not belong to the action.
    """

    action: ActionName
    step: str | None = None
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise UsageError(f"there is no action {self.action!r}: use one of {', '.join(ACTIONS)}")
        if self.action == "resolve" and self.evidence not in EVIDENCE:
            *others, last = EVIDENCE
            raise UsageError(f"{self.evidence!r} does not resolve a step: use {', '.join(others)} or {last}")
        if self.action != "resolve" and self.evidence is not None:
            raise UsageError(f"{self.action} takes no evidence: only resolve does")
        if self.action == "undo step" and self.step is None:
            raise UsageError("which step? undo step is for one step: name it")
        if self.action in {"skip", "resolve"} and self.step is None:
            raise UsageError(f"which step? {self.action} is for one quarantined step: name it")
        if self.action in {"roll back", "pause", "resume", "abandon"} and self.step is not None:
            raise UsageError(f"{self.action} is for a whole saga: leave the step out")

    @property
    def words(self) -> str:
        """The action as audit and plans name it."""
        return self.action if self.evidence is None else f"{self.action}: {self.evidence}"

    @property
    def is_grave(self) -> bool:
        return self.action in GRAVE
