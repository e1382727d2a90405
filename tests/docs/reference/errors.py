"""docs/reference/errors.md, from the docstrings of the errors."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

import saga
from saga import errors
from saga.core.check.finding import Code
from tests.docs.reference.markdown import AGAIN, Row, table


def error_classes() -> str:
    codes = ",\n".join(textwrap.wrap(", ".join(f"`{code.value}`" for code in Code), 135)).replace(",,", ",")
    return f"""\
# Errors

Generated from `saga.errors`. {AGAIN}

Every error that Saga raises on purpose is a `SagaError`. The second level tells whose fault it is, and whether a retry helps: only
`Unavailable` passes by itself. A message names the place, the reason and the way out. The errors with *yes* can be imported from
`saga`, all of them from `saga.errors`.

{table(("Error", "In `saga`", "Meaning"), _error_rows(errors.SagaError, 0))}

A `DefinitionError` has `findings`, each with a place, a reason, a remedy and a stable code:
{codes}.

An answer that a handler raises (`Reject`, `GiveUp`, `NotYet`, `DidNotHappen`) is not a `SagaError`: see [how to add a
participant](../how-to/add-a-participant.md#say-what-happened).
"""


def _error_rows(kind: type[errors.SagaError], depth: int) -> Iterator[Row]:
    indent = "&nbsp;&nbsp;&nbsp;&nbsp;" * depth
    is_public = "yes" if kind.__name__ in saga.__all__ else ""
    yield f"{indent}`{kind.__name__}`", is_public, " ".join((inspect.getdoc(kind) or "").split())
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _error_rows(child, depth + 1)
