"""How an action is asked for: who, why, shown first, confirmed where it cannot be taken back."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Group, Parameter

from saga.errors import UsageError

_GROUP: Final = Group("Action", sort_key=80)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, and why.

    Attributes
    ----------
    reason
        Why; it is kept in the audit.
    actor
        Who asks; without it the name of the account.
    dry_run
        Show what would be done, and do nothing.
    yes
        Do not ask whether to go on.
    """

    reason: Annotated[str, Parameter(group=_GROUP)] = "asked for by hand"
    actor: Annotated[str | None, Parameter(group=_GROUP)] = None
    dry_run: Annotated[bool, Parameter(group=_GROUP, negative=())] = False
    yes: Annotated[bool, Parameter(group=_GROUP, negative=())] = False

    @property
    def who(self) -> str:
        """The actor, for the audit."""
        return self.actor or _account()

    def is_confirmed(self, question: str, *, is_grave: bool) -> bool:
        """Ask on a terminal. Where nobody can be asked, a grave action needs --yes.

        Raises:
            UsageError: it is grave, and nobody can be asked.
        """
        if self.yes:
            return True
        if sys.stdin.isatty() and sys.stderr.isatty():
            print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        if is_grave:
            raise UsageError(f"{question} Nobody can be asked here: say --yes, or --dry-run to see what it would do")
        return True


NOBODY: Final = Acting()


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return f"uid {os.getuid()}"
