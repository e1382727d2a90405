"""The record of a release for later builds: the commands and definitions that it wrote, and the schema it relies on."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from saga import Definition, Retry
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.runtime.bus.wire import WireCommand, encode

SAGA: Final = UUID("0197c2a4-6b1c-7f0b-9d0a-73616761696b")
HASH: Final = "ab" * 32
COMMANDS: Final = (
    WireCommand(SAGA),
    WireCommand(SAGA, 1, Operation.COMPENSATE, definition=HASH),
    WireCommand(SAGA, 2**15 - 1, Operation.VOID_OR_REPORT, definition=HASH, input=HASH),
    WireCommand(
        SAGA, 2, definition=HASH, input=HASH, topic="saga.saga.shop", issued=1_700_000_000, expires=1_700_000_600
    ),
)
FIVE: Final = Retry(attempts=5)
_COLUMNS: Final = """
select format('table %s.%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
order by c.relname collate "C", a.attname collate "C\""""
_FUNCTIONS: Final = """
select format('function %s(%s) -> %s', proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid))
from pg_proc where pronamespace = $1::regnamespace order by proname collate "C", oid"""


class Written(Struct):
    """A line of a record: the text that was written, and what it must mean to every later build."""

    body: str
    means: dict[str, Json]


def commands() -> list[Written]:
    return [Written(encode(command).decode(), meaning_of(command)) for command in COMMANDS]


def definitions() -> list[Written]:
    return [Written(graph.canonical.decode(), {"hash": graph.hash.hex()}) for graph in (_order(), _parallel())]


async def schema(connection: asyncpg.Connection[asyncpg.Record], name: str) -> list[str]:
    """The columns and functions that a build of this release uses."""
    rows = [*await connection.fetch(_COLUMNS, name), *await connection.fetch(_FUNCTIONS, name)]
    return [row[0] for row in rows]


def meaning_of(command: WireCommand) -> dict[str, Json]:
    return {
        "saga": str(command.saga),
        "step": command.step,
        "operation": command.operation.value,
        "definition": command.definition,
        "input": command.input,
        "topic": command.topic,
        "issued": command.issued,
        "expires": command.expires,
    }


def _order() -> Graph:
    """A sequence with everything that can be said about a step."""
    definition = Definition("order", version=3, input=dict, deadline="2m", compensation_budget="1h")
    reserved = definition.step("inventory.reserve", retry=Retry(attempts=4), compensation_retry=Retry(attempts=9))
    checked = definition.step("inventory.look", after=reserved, read_only=True, timeout="5s", retry=FIVE)
    paid = definition.step(
        "payments.charge", inputs={"cents": definition.input["cents"], "for": checked.output}, pivot=True, retry=FIVE
    )
    definition.step("shipping.book", name="ship", after=paid, inputs=[reserved.output, {"express": True}])
    definition.returns(paid.output)
    return definition.graph(_contracts(definition))


def _parallel() -> Graph:
    """Two branches and a join, and no pivot."""
    definition = Definition("trip")
    flight = definition.step("flights.book", retry=FIVE)
    hotel = definition.step("hotels.book", name="hotel", retry=FIVE)
    definition.step("mail.send", after=(flight, hotel), retriable=True)
    return definition.graph(_contracts(definition))


def _contracts(definition: Definition) -> dict[str, Contract]:
    return {name: _contract(*name.split(".")) for name in definition.contract_names}


def _contract(service: str, handler: str) -> Contract:
    return Contract(
        service=service,
        handler=handler,
        mode=Mode.EXTERNAL if service == "payments" else Mode.JOURNALED,
        has_compensation=handler in ("reserve", "book"),
        has_probe=False,
        read_only=handler == "look",
        input_schema=None,
        output_schema=None,
        handler_version=None,
    )
