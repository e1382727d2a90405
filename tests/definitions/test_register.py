"""`saga register` and `saga definitions show --yaml`, on a store that has the contracts of the services."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import saga
from saga.cli import main
from tests.cli.conftest import Command, Ran

ORDER = """\
# Orders of the shop.
name: order
steps:
  - step: shop.reserve   # undone by release
    inputs: "${input.sku}"
returns: ${steps.reserve.output}
"""


AsyncCommand = Callable[..., Awaitable[Ran]]


@pytest.fixture
def cli(command: Command) -> AsyncCommand:
    """Runs commands in a thread, with an event loop of their own."""
    return functools.partial(asyncio.to_thread, command)


@pytest.fixture
async def shop(store: str) -> str:
    """A store with the contracts of a shop that has run, and is gone."""
    shop = saga.Participant("shop")

    @shop.step(external=True)
    async def reserve(sku: str) -> dict[str, str]:
        return {"sku": sku}

    @reserve.compensation
    async def release(sku: str) -> None:
        pass

    async with saga.connect(store=store) as sagas, sagas.serve(shop):
        pass
    return store


async def test_a_file_is_registered_without_the_code_and_comes_back_as_it_was(
    shop: str, cli: AsyncCommand, tmp_path: Path
) -> None:
    (tmp_path / "order.yaml").write_text(ORDER)

    checked = await cli("register", "order.yaml", "--check", "--store", shop)
    missing = await cli("definitions", "show", "order", "--yaml", "--store", shop)
    registered = await cli("register", "order.yaml", "--store", shop, "--json")
    shown = await cli("definitions", "show", "order", "--yaml", "--store", shop)

    assert (checked.code, checked.out) == (0, "order v1 fits its contracts\n")
    assert missing.code == 1
    assert json.loads(registered.out)[0]["outcome"] == "is registered"
    assert shown.out == ORDER

    (tmp_path / "order.yaml").write_text(f"{ORDER}# the same graph\n")
    assert (await cli("register", "order.yaml", "--store", shop)).code == 0
    assert (await cli("definitions", "show", "order", "--yaml", "--store", shop)).out == f"{ORDER}# the same graph\n"


async def test_a_definition_from_python_is_shown_as_yaml_that_registers_the_same(
    shop: str, cli: AsyncCommand, tmp_path: Path
) -> None:
    order = saga.Definition("order")
    order.step("shop.reserve", inputs=order.input)
    async with saga.connect(store=shop) as sagas:
        number = await sagas.register(order)

        shown = await cli("definitions", "show", "order", "--yaml", "--store", shop)
        (tmp_path / "order.yaml").write_text(shown.out)
        again = await cli("register", "order.yaml", "--store", shop)

        assert again.code == 0, again.err
        assert (await sagas.adapter.directory.find("order", 1))[0] == number


async def test_findings_have_the_line_of_their_step(shop: str, cli: AsyncCommand, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(
        ORDER.replace("shop.reserve ", "shop.reserv # ").replace("steps.reserve", "steps.reserv")
    )

    refused = await cli("register", "order.yaml", "--store", shop)

    assert refused.code == 2
    assert (
        "order.yaml:4:5: order v1, step reserv: No participant has published a contract for shop.reserv." in refused.err
    )


def test_the_schema_for_editors_knows_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("definitions", "schema")) == 0

    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["name", "steps"]
    assert schema["$defs"]["a_step"]["properties"]["timeout"]["description"] == "The limit of one attempt."


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("register", str(tmp_path / "no.yaml"), "--store", "memory://x")) == 2

    assert "no.yaml cannot be read: No such file or directory" in capsys.readouterr().err
