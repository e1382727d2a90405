"""The command `saga`. Exit codes: 0 done, 1 it failed, 2 the call is wrong (a retry does not help)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import CycloptsError

from saga.cli.program import program
from saga.errors import DefinitionError, SagaError, UsageError
from saga.logs import without_passwords

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command, bound, _ = program.parse_args(tokens or ["--help"], print_error=False, exit_on_error=False)
        code = command(*bound.args, **bound.kwargs)
    except CycloptsError as error:
        return _say(" ".join(str(error).split()), USAGE)
    except SagaError as error:
        return _say(str(error), _code(error))
    except BaseExceptionGroup as group:
        if (ours := _first(group)) is None:
            raise
        return _say(str(ours), _code(ours))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `saga ls | head`
        sys.stdout = None
        return FAILED
    return code if isinstance(code, int) else 0


def _say(message: str, code: int) -> int:
    print(f"saga: {without_passwords(message)}", file=sys.stderr)
    return code


def _code(error: SagaError) -> int:
    return USAGE if isinstance(error, UsageError | DefinitionError) else FAILED


def _first(group: BaseExceptionGroup[BaseException]) -> SagaError | None:
    """What we raised on purpose, however deep; None where something else is among it."""
    found: BaseException | None = group if group.split(SagaError)[1] is None else None
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, SagaError) else None
