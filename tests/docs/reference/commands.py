"""docs/reference/cli.md, from the help of the commands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from saga.cli.program import build_program
from tests.docs.reference.markdown import AGAIN


def commands() -> str:
    with _called_as("saga"):
        told = build_program(is_overview=False).generate_docs().partition("## Table of Contents")[2].lstrip()
    return f"""\
# Commands

Generated from what `saga --help` knows. {AGAIN}

Exit codes: 0 it is done, 1 it failed, 2 the call is wrong and a retry does not help. Which fabric a command is about is said by its
options, else by `SAGA_*` and `saga.yaml` ([settings](settings.md)), else by a `saga dev` that runs in the same folder.

{_tidy(told)}
"""


@contextmanager
def _called_as(name: str) -> Iterator[None]:
    """The help speaks of the program by the name that it was started with."""
    given = sys.argv
    sys.argv = [name]
    try:
        yield
    finally:
        sys.argv = given


def _tidy(text: str) -> str:
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return re.sub(r"^```console$", "```console fragment", text, flags=re.MULTILINE).rstrip()
