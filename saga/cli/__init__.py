"""The command `saga`. Exit codes: 0 done, 1 it failed, 2 the call is wrong (a retry does not help)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import CycloptsError, MissingArgumentError

from saga.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from saga.cli.program import COMMANDS, build_program
from saga.errors import DefinitionError, SagaError, UsageError

_OVERVIEW: Final = {"--help", "-h", "--version"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    program = build_program(is_overview=tokens[0] in _OVERVIEW)
    try:
        command, bound, _ = program.parse_args(tokens, print_error=False, exit_on_error=False)
        code = command(*bound.args, **bound.kwargs)
    except MissingArgumentError as error:
        return _complain(_missing_argument(error), USAGE)
    except CycloptsError as error:
        return _complain(" ".join(str(error).split()), USAGE)
    except SagaError as error:
        return _complain(str(error), _code(error))
    except BaseExceptionGroup as group:
        if (first := _first(group)) is None:
            raise
        return _complain(str(first), _code(first))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `saga ls | head`
        sys.stdout = None
        return FAILED
    return code if isinstance(code, int) else DONE


def _complain(message: str, code: int) -> int:
    from saga.core.text import visible_lines  # noqa: PLC0415 (a good call does not need it)
    from saga.ports.url.passwords import without_passwords  # noqa: PLC0415

    print(f"saga: {visible_lines(without_passwords(message))}", file=sys.stderr)
    return code


def _missing_argument(error: MissingArgumentError) -> str:
    """Names the argument, and shows a call that has it."""
    name = error.command_chain[0] if error.command_chain else ""
    if name not in COMMANDS or error.argument is None:
        return " ".join(str(error).split())
    what = f"a value for {error.keyword}" if error.keyword else error.argument.name.lstrip("-").upper()
    return f"saga {name} needs {what}, for example: {COMMANDS[name].example}"


def _code(error: SagaError) -> int:
    return USAGE if isinstance(error, UsageError | DefinitionError) else FAILED


def _first(group: BaseExceptionGroup[BaseException]) -> SagaError | None:
    """The first of the errors, if all of them are Saga's own; else None."""
    found: BaseException | None = group if group.split(SagaError)[1] is None else None
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, SagaError) else None
