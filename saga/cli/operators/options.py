"""The options of every action: who acts and why, a dry run, and the confirmation."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Group, Parameter

from saga.cli.output import say
from saga.errors import UsageError
from saga.operations import account_name

REASON: Final = "requested by an operator"
_GROUP: Final = Group("Action", sort_key=80)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ActionOptions:
    """The options of an action.

    Attributes
    ----------
    reason
        Why; it is recorded in the audit.
    actor
        The operator who acts; the default is the name of your account.
    dry_run
        Show what would change, and change nothing.
    if_plan
        Act only if this is still the plan: the digest that --dry-run shows, or its first 8 characters or more.
    yes
        Do not ask for confirmation.
    """

    reason: Annotated[str, Parameter(group=_GROUP)] = REASON
    actor: Annotated[str | None, Parameter(group=_GROUP)] = None
    dry_run: Annotated[bool, Parameter(group=_GROUP, negative=())] = False
    if_plan: Annotated[str | None, Parameter(group=_GROUP)] = None
    yes: Annotated[bool, Parameter(group=_GROUP, negative=())] = False

    @property
    def actor_name(self) -> str:
        """The actor, for the audit."""
        return self.actor or account_name()

    def confirm(self, question: str, *, needs_yes: bool) -> bool:
        """Asks on a terminal, and returns whether to go on. Without a terminal, `needs_yes` demands --yes.

        Raises:
            UsageError: --yes is missing, and nobody can be asked.
        """
        if self.yes:
            return True
        if sys.stdin.isatty() and sys.stderr.isatty():
            say(f"{question} [y/N] ", is_answer=False, end="")
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        if needs_yes:
            raise UsageError(
                f"{question} This is not a terminal, so nobody can be asked: pass --yes, or --dry-run to see what would change"
            )
        return True


DEFAULTS: Final = ActionOptions()
