"""Counts the modules that are imported at the start; a measured time would depend on the machine."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import saga
from saga.cli.program import COMMANDS, build_program

EXTRAS = {"fastapi", "jinja2", "starlette", "uvicorn"}
HEAVY = {"asyncpg", "cryptography", "pydantic", "pydantic_settings", "structlog", "uvloop", "yaml"}
OWN_MODULES_MAX = 5


def imported_by(code: str) -> set[str]:
    """Returns the modules that a new interpreter has loaded after it has run this code."""
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(ran.stderr.splitlines()[-1]))


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name == "saga" or name.startswith(("saga.", "saga_"))}


def test_importing_saga_imports_nothing_else_of_it() -> None:
    modules = imported_by("import saga")

    assert own(modules) == {"saga"}
    assert modules & (HEAVY | {"asyncio", "rich", "cyclopts"}) == set()


def test_an_error_class_is_imported_alone() -> None:
    assert own(imported_by("from saga import Conflict")) == {"saga", "saga.errors"}


def test_the_commands_run_without_the_libraries_of_the_api() -> None:
    paths = [command.path.partition(":")[0] for command in COMMANDS.values()]

    modules = imported_by("\n".join(["import saga.api, saga.app", *(f"import {path}" for path in paths)]))

    assert modules & EXTRAS == set()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]])
def test_the_overview_of_the_commands_imports_none_of_them(arguments: list[str]) -> None:
    modules = imported_by(f"from saga.cli import main\nmain({arguments})")

    assert len(own(modules)) <= OWN_MODULES_MAX, own(modules)
    assert modules & HEAVY == set()


def test_every_public_name_is_found_and_no_other() -> None:
    assert dir(saga) == sorted(saga.__all__)
    for name in saga.__all__:
        found = getattr(saga, name)
        assert found.__name__ == (f"saga.{name}" if inspect.ismodule(found) else name)
    with pytest.raises(AttributeError, match="nothing"):
        saga.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_of_a_command_what_its_own_help_says(name: str) -> None:
    help_text = build_program(is_overview=False)[name].help

    assert " ".join(inspect.cleandoc(help_text).partition("\n\n")[0].split()) == COMMANDS[name].summary
