"""The commands on a page work, and print what the page shows."""

from __future__ import annotations

import re
import shlex
from uuid import UUID

import asyncpg
import pytest
from cyclopts import CycloptsError

from saga.cli.program import COMMANDS, build_program
from saga_postgres.schema.migrate import migrate
from tests.docs.page import ROOT, Page, page, pages
from tests.docs.terminal import Terminal, sessions

PAGE_TIMEOUT_SECONDS = 180
CONSOLE = [found for found in pages() if any(block.language == "console" for block in found.blocks())]
GENERATED = "docs/reference/cli.md"


@pytest.mark.slow
@pytest.mark.timeout(PAGE_TIMEOUT_SECONDS)
@pytest.mark.parametrize("name", ["README.md", "docs/quickstart.md"])
def test_a_reader_can_follow_the_page(name: str) -> None:
    with Terminal() as terminal:
        terminal.run_page(page(name))

    assert any(command.startswith("saga dev") for command in terminal.ran)
    assert any(command.startswith("saga start") for command in terminal.ran)


@pytest.mark.parametrize("found", CONSOLE, ids=lambda found: found.name)
def test_the_program_accepts_every_command_of_saga(found: Page) -> None:
    wrong = {command: error for command in commands(found) if (error := _complaint(command))}

    assert wrong == {}


def test_every_make_target_on_a_page_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        match[1]
        for found in pages()
        for match in re.finditer(r"(?:`|\$ |^)make ([a-z]+(?:-[a-z]+)*)", found.text, re.MULTILINE)
    }

    assert named - targets == set()


async def test_every_query_for_operators_runs(postgres: asyncpg.Connection) -> None:
    await migrate(postgres, schema="saga")
    await postgres.execute("set search_path to saga")
    queries = [code for code in page("docs/how-to/operate.md").inline_code() if code.startswith("select ")]

    for query in queries:
        await postgres.fetch(query.replace("'ID'", f"'{UUID(int=0)}'"))

    assert len(queries) >= 5


def commands(found: Page) -> list[str]:
    """Returns the commands in the blocks, after a prompt or as a bare line, and those in the running text."""
    blocks = [block for block in found.blocks() if block.language == "console"]
    typed = [command for block in blocks for command, _ in sessions(block.body)]
    if found.name != GENERATED:
        typed += [code for code in found.inline_code() if re.fullmatch(r"saga [a-z]+( .*)?", code)]
    return [command for command in typed if command.startswith("saga ")]


def _complaint(command: str) -> str | None:
    """Returns the reason why the program refuses the command. A bare name without arguments is accepted."""
    words = shlex.split(command)[1:]
    if len(words) == 1:
        return None if words[0] in COMMANDS or words[0].startswith("-") else "no such command"
    try:
        build_program(is_overview=False).parse_args(words, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return str(error)
    return None
