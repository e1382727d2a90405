"""Every decoder of foreign input: a valid sample, and how it is mutated and read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import pydantic

from saga import Participant, registry
from saga.core.definition.graph import graph_from_json
from saga.core.definition.paths import resolve, template_faults
from saga.core.definition.schema import misfits
from saga.core.duration import duration_ms
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import InputRefused
from saga.ports.bus import Message, check_headers
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import SagaStatus
from saga.runtime.bus.signing import KeyRing
from saga.runtime.bus.wire import WireCommand, decode, encode
from saga.runtime.planning.start_values import check_texts
from saga.settings import load
from saga.yaml_guard import parsed_yaml
from saga_postgres.announce import payloads
from saga_postgres.announce.channels import process_channel
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.announce.frames import Frame, decode_frame, encode_frame
from tests.bad_input.mutation import Mutator
from tests.docs.page import ROOT

SAGA: Final = UUID("0197c2a4-6b1c-7f0b-9d0a-73616761696b")
SECRET: Final = "key=" + "s" * 40
YAML: Final = (
    b"store: postgresql://user:word@host/db\nlease: 30s\nalso_consume: ['memory://a', 'memory://b']\nnamespace: saga\n"
)
TEMPLATE: Final = {
    "sku": {"$path": ["input", "lines", 0, "sku"]},
    "note": ["a", {"$$x": 1}, {"$path": ["steps", "charge", "output", "id"]}],
}
INPUT: Final = {"lines": [{"sku": "a"}]}
RESULTS: Final = {"charge": {"id": "c1"}}
ORDER: Final = b'{"sku": "a", "quantity": 1, "lines": [{"sku": "b", "cents": 3}]}'
CHANNEL: Final = process_channel("saga", 7)
CIPHER: Final = MessageCipher(memory_seconds=30.0)
CIPHER.use(bytes(32))
CLAIMS: Final = payloads.claim_ref_payloads([CommandRef(SAGA, 1), CommandRef(SAGA, 2)])[0]
RUNNING: Final = State(Phase.RUNNING, "SD", rollback_requested=False, paused=False, deadline=1.5, reason=None)
WORK: Final = Claim(
    saga=SAGA, step=1, operation=Operation.EXECUTE, number=1 << 32, definition=1, version=2, state=RUNNING, waiter=None,
    input=ORDER, results={0: b"1"}, deliveries=1, failures=0, first_failed_ago=0.0, lease_ends=30.0, quiet_at=0.0,
    progress=None, store_clock=0.0,
)  # fmt: skip
FRAME: Final = encode_frame(
    Frame([CommandRef(SAGA, 1)], [WORK], [SAGA], {SAGA: SagaStatus(1, Phase.COMPLETED, None, ORDER, {0: b"1"})})
)
SCHEMA: Final = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "maxLength": 9},
        "quantity": {"type": "integer"},
        "lines": {"type": "array", "items": {}},
    },
    "required": ["sku"],
}


class Line(pydantic.BaseModel):
    sku: str
    cents: int


class Order(pydantic.BaseModel):
    sku: str
    quantity: int
    lines: list[Line]


@dataclasses.dataclass
class Box:
    sku: str
    quantity: int
    lines: list[dict[str, Any]]


shop: Final = Participant("shop")


@shop.step(external=True)
async def buy(order: Order) -> Order:
    return order


@shop.step(external=True)
async def pack(box: Box) -> Box:
    return box


def wire(mutator: Mutator) -> None:
    decode(Message("saga.saga.shop", b"k", mutator.data(encode(WireCommand(SAGA, 1, definition="a", expires=9)))))


def signed(mutator: Mutator) -> None:
    ring = KeyRing.read(SECRET, 900)
    message = ring.signed(WireCommand(SAGA, 1), Message("saga.saga.shop", SAGA.bytes, b""), "shop", 1e9)
    headers = {name: mutator.text(value) for name, value in message.headers.items()}
    ring.verified(Message(message.topic, message.key, mutator.data(message.body), headers), "shop", 1e9)


def ring(mutator: Mutator) -> None:
    KeyRing.read(mutator.text(f"{SECRET} shop:own={'t' * 40}"), 900)


def headers(mutator: Mutator) -> None:
    check_headers({mutator.text("ce_id"): mutator.text("1"), mutator.text("traceparent"): mutator.text("00-1-2-01")})


def definition(mutator: Mutator) -> None:
    graph_from_json(mutator.data(GOLDEN))


def model_input(mutator: Mutator) -> None:
    shop.handlers["buy"].execute_function.read(mutator.data(ORDER))


def dataclass_input(mutator: Mutator) -> None:
    shop.handlers["pack"].execute_function.read(mutator.data(ORDER))


def recorded_result(mutator: Mutator) -> None:
    shop.handlers["buy"].decode(mutator.data(ORDER))


def output(mutator: Mutator) -> None:
    shop.handlers["pack"].encode(mutator.value({"sku": "a", "quantity": 1, "lines": []}))


def template(mutator: Mutator) -> None:
    mutant = mutator.value(TEMPLATE)
    if faults := template_faults(mutant):
        raise InputRefused("; ".join(faults))
    resolve(mutant, mutator.value(INPUT), RESULTS)


def schema(mutator: Mutator) -> None:
    if found := misfits(SCHEMA, mutator.value({"sku": "a", "quantity": 1, "lines": [1]})):
        raise InputRefused("; ".join(found))


def duration(mutator: Mutator) -> None:
    duration_ms(mutator.value("1h30m") if mutator.coin() else mutator.text("1h30m"))


def yaml(mutator: Mutator) -> None:
    parsed_yaml(mutator.data(YAML), "saga.yaml")


def settings(mutator: Mutator) -> None:
    load(
        store=mutator.text("postgresql://user:word@host:5432/db"),
        lease=mutator.text("30s"),
        bus=mutator.text("memory://a"),
    )


def url(mutator: Mutator) -> None:
    registry.open_bus(mutator.text("memory://name"), "saga")


def notification(mutator: Mutator) -> None:
    payload = mutator.text(CLAIMS)
    payloads.read_claim_refs(payload)


def notified_claim(mutator: Mutator) -> None:
    payloads.read_claims(mutator.text(_encrypted(payloads.CLAIMS)), CHANNEL, CIPHER, 0.0, 0.0)


def notified_end(mutator: Mutator) -> None:
    payloads.read_ended(mutator.text(CLAIMS))
    payloads.read_statuses(mutator.text(_encrypted(payloads.STATUSES)), CHANNEL, CIPHER)


def socket_frame(mutator: Mutator) -> None:
    decode_frame(mutator.data(FRAME))


def _encrypted(kind: str) -> str:
    """A payload that a process of the namespace has encrypted, and that is not a document."""
    return kind + CIPHER.encrypt(kind + CHANNEL, b"[1]")


def start_key_and_tags(mutator: Mutator) -> None:
    check_texts(mutator.text("order-1017"), mutator.value({"tenant": "a", "region": "b"}))


GOLDEN: Final = (ROOT / "tests/core/golden/order.json").read_bytes()
DECODERS: Final[dict[Callable[[Mutator], None], int]] = {
    wire: 21_500, signed: 10_000, ring: 4_000, headers: 6_000, definition: 12_000, model_input: 6_000, dataclass_input: 6_000,
    recorded_result: 4_000, output: 6_000, template: 8_000, schema: 3_000, duration: 5_000, yaml: 800, settings: 1_200, url: 500,
    notification: 2_000, notified_claim: 1_000, notified_end: 1_000, socket_frame: 1_000, start_key_and_tags: 1_000,
}  # fmt: skip
"""The number of mutations of each: 100,000 together, within the minute that `make test` allows."""
