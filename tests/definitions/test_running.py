"""A saga runs on a definition that was read from YAML; its input is checked against the schema in the file."""

from __future__ import annotations

import pytest

import saga
from saga.errors import InputRefused

ORDER = """\
name: order
input:
  type: object
  properties: {sku: {type: string}, note: {type: string}}
  required: [sku]
steps:
  - step: shop.reserve
    inputs: {sku: "${input.sku}", note: "${input.note or \\"$${none}\\"}"}
    read_only: true
  - step: shop.pack
    when: steps.reserve.output.note == "fragile"
    inputs: ${steps.reserve.output}
    read_only: true
returns: {reserved: "${steps.reserve.output.note}", packed: "${steps.pack.output or false}"}
"""


async def test_a_saga_runs_on_a_definition_from_yaml() -> None:
    shop = saga.Participant("shop")

    @shop.step(external=True)
    async def reserve(order: dict[str, str]) -> dict[str, str]:
        return order

    @shop.step(external=True)
    async def pack(order: dict[str, str]) -> bool:
        return bool(order)

    order = saga.Definition.from_yaml(ORDER)
    async with saga.connect(store="memory://yaml") as sagas, sagas.serve(shop):
        plain = await (await sagas.start(order, {"sku": "a"})).result(timeout_seconds=30)
        fragile = await (await sagas.start("order", {"sku": "b", "note": "fragile"})).result(timeout_seconds=30)

        assert plain.value == {"reserved": "${none}", "packed": False}
        assert fragile.value == {"reserved": "fragile", "packed": True}
        with pytest.raises(InputRefused, match="sku is missing"):
            await sagas.start(order, {})
