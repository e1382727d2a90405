"""Sagas that are typical, in YAML beside Python: both are the same definition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from saga import Definition, Retry, any_of
from saga.core.definition.contract import Contract
from saga.core.definition.outline import Outline
from tests.core.samples import CONTRACT
from tests.docs.page import page

TRANSFER = """\
name: transfer
deadline: 1d
steps:
  - check: input.cents > 0 && input.source != input.target
    reason: this is not a transfer
  - step: accounts.withdraw
    inputs: {account: "${input.source}", cents: "${input.cents}"}
  - step: accounts.deposit
    after: withdraw
    inputs: {account: "${input.target}", cents: "${input.cents}"}
    pivot: true
  - step: accounts.report
    after: deposit
    when: input.cents > 1000000
    retriable: true
returns: ${steps.deposit.output.id}
"""
SUPPLY = """\
name: supply
steps:
  - step: north.reserve
    name: north
    handled: true
  - step: south.reserve
    name: south
    handled: true
  - step: lorries.send
    after: {any_of: [north, south]}
    inputs:
      note: ${input.note or "none"}
      price: $${cents}
    timeout: 2m
    retry: {attempts: null, first: 1s, cap: 1m}
"""


def transfer() -> Definition:
    d = Definition("transfer", deadline="1d")
    d.check("input.cents > 0 && input.source != input.target", "this is not a transfer")
    cents = d.input.cents
    withdrawn = d.step("accounts.withdraw", inputs={"account": d.input.source, "cents": cents})
    deposited = d.step(
        "accounts.deposit", after=withdrawn, inputs={"account": d.input.target, "cents": cents}, pivot=True
    )
    d.step("accounts.report", after=deposited, when=cents > 1_000_000, retriable=True)
    d.returns(deposited.output.id)
    return d


def supply() -> Definition:
    d = Definition("supply")
    north = d.step("north.reserve", name="north", handled=True)
    south = d.step("south.reserve", name="south", handled=True)
    d.step(
        "lorries.send",
        after=any_of(north, south),
        inputs={"note": d.input.note.or_("none"), "price": "${cents}"},
        timeout="2m",
        retry=Retry(attempts=None, first="1s", cap="1m"),
    )
    return d


def order() -> Definition:
    d = Definition("order", deadline="1h")
    d.check("input.cents > 0", "there is nothing to pay")
    reserved = d.step("inventory.reserve", inputs={"sku": d.input.sku})
    charged = d.step(
        "payments.charge",
        after=reserved,
        inputs={"cents": d.input.cents, "reservation": reserved.output.id},
        retry=Retry(attempts=5, first="1s"),
        pivot=True,
    )
    receipt = d.step("mail.receipt", after=charged, when="has(input.email)", optional=True, read_only=True)
    with d.when(receipt.rejected):
        d.step("post.letter", after=receipt, retriable=True)
    d.returns({"payment": charged.output.id})
    return d


def shown_order() -> str:
    return next(block.body for block in page("docs/how-to/yaml.md").blocks() if block.language == "yaml")


@pytest.mark.parametrize(
    ("text", "written"),
    [(TRANSFER, transfer()), (SUPPLY, supply()), (shown_order(), order())],
    ids=["transfer", "supply", "order"],
)
def test_yaml_and_python_are_the_same_definition(text: str, written: Definition) -> None:
    assert _without_schema(Definition.from_yaml(text)) == _without_schema(written)
    assert _without_schema(Definition.from_yaml(written.to_yaml())) == _without_schema(written)
    assert written.findings(_contracts(written)) == ()


def _without_schema(definition: Definition) -> Outline:
    return replace(definition.outline(), input_schema=None)


def _contracts(definition: Definition) -> dict[str, Contract]:
    """A contract for each step; each that has an effect can be undone."""
    return {
        step.contract_name: replace(
            CONTRACT, service=step.service, handler=step.handler, has_compensation=not step.read_only
        )
        for step in definition.outline().calls
    }
