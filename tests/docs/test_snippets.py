"""Python on the pages: complete blocks run, fragments pass the type checker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tests.docs.page import ROOT, Block, Page, page, pages

RUN_TIMEOUT_SECONDS = 50
CHECK_TIMEOUT_SECONDS = 240
TREATED_ELSEWHERE = {"store", "fragment", "elsewhere"}
LANGUAGES = {"python", "console", "sql", "json", "toml", "mermaid", "sh", "text", "yaml", ""}
MARKS = {"install", "fragment", "heavy", "store", "restart", "background", "elsewhere"}

PRELUDES = {
    "docs/concepts/modes.md": """
from pydantic import BaseModel
from saga import Context, DidNotHappen, Participant

class Order(BaseModel):
    card: str

class Found:
    id: str = ""

class Psp:
    async def find(self, key: str) -> Found | None:
        return None

psp = Psp()
payments = Participant("payments")

@payments.step(external=True)
async def charge(order: Order, ctx: Context) -> str:
    return ""
""",
}
"""Page -> the code that its fragments assume."""


def snippets(found: Page) -> list[Block]:
    return [
        block
        for block in found.blocks()
        if block.language == "python" and not block.marks & TREATED_ELSEWHERE and block.file_name is None
    ]


FRAGMENTS = [
    block for found in pages() for block in found.blocks() if block.language == "python" and "fragment" in block.marks
]
RUNNING = [found for found in pages() if snippets(found)]


@pytest.mark.parametrize("found", RUNNING, ids=lambda found: found.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(found: Page, tmp_path: Path) -> None:
    """One interpreter runs a page, so that later blocks use what earlier blocks define."""
    source = [(f"{block.page}, line {block.line}", block.body) for block in snippets(found)]
    runner = "import json, sys\nspace = {'__name__': 'page'}\nfor place, body in json.load(sys.stdin):\n"
    runner += "    exec(compile(body, place, 'exec'), space)\n"

    done = subprocess.run(
        [sys.executable, "-c", runner],
        input=json.dumps(source), capture_output=True, check=False, text=True, cwd=tmp_path, timeout=RUN_TIMEOUT_SECONDS,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


async def test_the_application_on_the_fastapi_page_serves_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_STORE", "memory://docs")
    space: dict[str, FastAPI] = {}
    exec(snippets(page("docs/how-to/fastapi.md"))[0].body, space)  # noqa: S102 (our own page)
    app, wanted = space["app"], {"sku": "lamp", "quantity": 2}

    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://shop") as client,
    ):
        first, again = [await client.put("/orders/1", json=wanted) for _ in range(2)]
        other = await client.put("/orders/1", json=wanted | {"quantity": 3})
        found, missing = await client.get("/orders/1"), await client.get("/orders/2")

    assert (first.status_code, again.json()) == (202, first.json())
    assert other.status_code == 409
    assert found.json()["state"] in {"running", "completed"}
    assert missing.status_code == 404


@pytest.mark.slow
@pytest.mark.timeout(CHECK_TIMEOUT_SECONDS)
def test_the_fragments_pass_the_type_checker(tmp_path: Path) -> None:
    for number, block in enumerate(FRAGMENTS):
        body = f"# {block.page}, line {block.line}\n{PRELUDES.get(block.page, '')}\n{block.body}"
        (tmp_path / f"fragment_{number}.py").write_text(body, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--no-error-summary", tmp_path],
        capture_output=True, check=False, text=True, cwd=ROOT, timeout=CHECK_TIMEOUT_SECONDS,
        env=os.environ | {"MYPYPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"},
    )  # fmt: skip

    assert FRAGMENTS
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_block_has_a_known_language_and_known_marks() -> None:
    blocks = [block for found in pages() for block in found.blocks()]

    assert {block.language for block in blocks} <= LANGUAGES
    assert {mark for block in blocks for mark in block.marks} <= MARKS


def test_every_block_is_closed() -> None:
    assert [found.name for found in pages() if "```" in found.prose()] == []
