"""The pages that compare a saga with other products: the two forms of the definition are one, and what others write is well-formed."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from saga import Definition
from saga.core.definition.contract import Contract
from saga.core.definition.outline import freeze
from saga.core.state.mode import Mode
from tests.docs.page import ROOT, Block, Page, page

PAGES = [page(str(path.relative_to(ROOT))) for path in sorted((ROOT / "docs/how-to/compare").glob("*.md"))]
compared = pytest.mark.parametrize("found", PAGES, ids=lambda found: found.name)


def blocks(found: Page, language: str) -> list[Block]:
    return [block for block in found.blocks() if block.language == language]


def frozen(definition: Definition) -> bytes:
    """The hash of a definition whose steps are all external, and can be undone."""
    offered = {name: _contract(*name.split(".")) for name in definition.contract_names}
    return freeze(definition.outline(offered), offered).hash


def _contract(service: str, handler: str) -> Contract:
    return Contract(
        service=service,
        handler=handler,
        mode=Mode.EXTERNAL,
        has_compensation=True,
        has_probe=False,
        read_only=False,
        input_schema=None,
        output_schema=None,
        handler_version=None,
    )


@compared
def test_the_definition_of_a_page_in_python_and_in_yaml_has_one_hash(found: Page) -> None:
    space: dict[str, object] = {"__name__": "page"}
    exec(blocks(found, "python")[0].body, space)  # noqa: S102 (our own page)
    (written,) = (value for value in space.values() if isinstance(value, Definition))
    (text,) = blocks(found, "yaml")

    assert frozen(Definition.from_yaml(text.body)) == frozen(written)


@compared
def test_what_others_write_is_python(found: Page) -> None:
    others = [block for block in blocks(found, "python") if "elsewhere" in block.marks]

    assert len(others) == 2
    assert all(ast.parse(block.body).body for block in others)


@compared
def test_every_state_of_step_functions_is_there_and_is_reached(found: Page) -> None:
    (block,) = blocks(found, "json")
    _check_states(json.loads(block.body))


def _check_states(machine: dict[str, Any]) -> None:
    nexts = {machine["StartAt"]}
    for state in machine["States"].values():
        ways = (state, *state.get("Catch", ()), *state.get("Choices", ()))
        nexts |= {each["Next"] for each in ways if "Next" in each}
        nexts |= {state["Default"]} if "Default" in state else set()
        assert "Next" in state or state.get("End") or state["Type"] in {"Succeed", "Fail", "Choice"}
        for branch in state.get("Branches", ()):
            _check_states(branch)
    assert nexts == machine["States"].keys()
