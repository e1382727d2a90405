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
        text = build_program(is_overview=False).generate_docs().partition("## Table of Contents")[2].lstrip()
    return f"""\
# Commands

Generated from the help of the commands. {AGAIN}

Exit codes: 0 success, 1 failure, 2 a wrong call, which fails again if it is repeated. A command finds its installation by its options,
else by `SAGA_*` and `saga.yaml` ([settings](settings.md)), else by a `saga dev` that runs in the same folder.

{_tidy(text)}
"""


@contextmanager
def _called_as(name: str) -> Iterator[None]:
    """Sets the name by which the help calls the program."""
    arguments = sys.argv
    sys.argv = [name]
    try:
        yield
    finally:
        sys.argv = arguments


def _tidy(text: str) -> str:
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return re.sub(r"^```console$", "```console fragment", text, flags=re.MULTILINE).rstrip()
