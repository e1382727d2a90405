"""A secret that a type marks is in no answer, page, stream, log, span or problem, for any role."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import grpc
import httpx
import pytest
from fastapi import Request
from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from saga import App, Definition, Participant, Sensitive, connect, memory
from saga.api.application import build
from saga.api.principals import LOCAL as LOCAL_WAY
from saga.api.principals import Principal, Role, Sender
from saga.cli import main
from saga.inspection.masking.shown import HIDDEN
from saga.settings import load
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.conftest import LOCAL
from tests.api.grpc.conftest import channel_to
from tests.cli.counter import LATER
from tests.runtime.world import until

CANARY: Final = "canary-4111-1111"
PAGES: Final = ("", "?q=is:stuck", "stuck", "definitions", "definitions/pay", "services", "waits", "audit", "docs")
TABS: Final = ("", "?tab=history", "?tab=data", "?tab=audit", "?action=roll+back", "?action=abandon")
ACTIONS: Final = ("rollback", "pause", "resume", "retry", "skip", "resolve", "abandon")


STORE: Final = "memory://secrets"
COMMANDS: Final = (
    ("show", "--full"),
    ("show", "--json"),
    ("why",),
    ("rollback", "--reason", "why", "--dry-run"),
    ("rollback", "--reason", "why", "--dry-run", "--json"),
    ("pause", "--reason", "why", "--json"),
)


class Card(BaseModel):
    number: Annotated[str, Sensitive]
    month: int = 1


class Payment(BaseModel):
    card: Card
    pin: Annotated[int, Sensitive] = 0
    note: str = ""


class Receipt(BaseModel):
    card: Annotated[dict[str, str], Sensitive]
    at: str


@dataclass
class Office:
    """One saga that has ended, and one that waits for its second step; both were given the canary and have recorded it."""

    sagas: App
    ended: UUID
    waiting: UUID


@asynccontextmanager
async def office_on(store: str) -> AsyncIterator[Office]:
    payments = Participant("payments")

    @payments.step(external=True)
    async def charge(card: Card) -> Receipt:
        return Receipt(card={"full": card.number}, at="noon")

    @charge.compensation
    async def refund(card: Card, receipt: Receipt) -> None: ...

    @payments.step(external=True)
    async def book(payment: Payment) -> str:
        if payment.note == "wait":
            raise ConnectionError("no answer")
        return "booked"

    definition = Definition("pay", version=1, input=Payment)
    charged = definition.step("payments.charge", inputs=definition.input.card)
    definition.step("payments.book", after=charged, pivot=True, retry=LATER)
    definition.returns({"receipt": charged.output, "whole": definition.input})
    async with connect(settings=load(store=store, drain=0), name="office") as sagas, sagas.serve(payments):
        await sagas.register(definition)
        ids = [(await sagas.start(definition, paid(note), key=note)).id for note in ("done", "wait")]
        await until(lambda: ends(sagas, ids), "the sagas have gone as far as they go")
        yield Office(sagas, *ids)
    memory.forget(store)


def paid(note: str) -> Payment:
    return Payment(card=Card(number=CANARY), note=note)


async def ends(sagas: App, ids: list[UUID]) -> bool:
    ended, waiting = [await sagas.detail(saga) for saga in ids]
    return ended.state.phase.is_terminal and any(command.failures for command in waiting.commands.values())


@asynccontextmanager
async def asked(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    """A client that says in a header which role it has."""

    async def somebody(request: Request) -> Principal:
        return Principal("pat", Role(request.headers["x-role"]), LOCAL_WAY)

    transport = httpx.ASGITransport(build(office.sagas, somebody))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as client:
        yield client


def paths(app_paths: dict[str, Any], saga: UUID) -> Iterator[str]:
    """Every path that can be read, for this saga. A stream ends only with its saga."""
    for path, methods in app_paths.items():
        if "get" in methods:
            yield path.format(ref=saga, step="charge", name="pay", version=1, service="payments")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


async def test_a_secret_is_nowhere_that_people_look(
    spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "httpx")
    seen = dict[str, str]()
    async with office_on(STORE) as office:
        async with asked(office) as api:
            for role in (Role.VIEWER, Role.STARTER, Role.ADMIN):
                api.headers["x-role"] = role.value
                async for name, answer in answers(office, api):
                    seen[f"{role.value} {name}"] = answer.text
        for role in (Role.VIEWER, Role.STARTER, Role.ADMIN):
            async for name, text in over_grpc(office, role):
                seen[f"{role.value} {name}"] = text
        for words in COMMANDS:
            assert await asyncio.to_thread(main, [*words, str(office.waiting), "--store", STORE]) == 0

    seen["log"], seen["console"] = caplog.text, "".join(capfd.readouterr())
    seen["spans"] = "".join(span.to_json() for span in spans.get_finished_spans())
    assert {name for name, text in seen.items() if CANARY in text} == WHERE_IT_BELONGS
    assert "saga.step" in seen["spans"]
    assert sum(HIDDEN in text for text in seen.values()) > 10
    assert "noon" in seen[f"admin /v1/sagas/{office.ended}"], "what is not marked is shown"
    assert "noon" not in seen[f"viewer /v1/sagas/{office.ended}"], "a viewer sees no payloads"


WHERE_IT_BELONGS: Final = {"starter result", "starter gRPC result"}
"""A program that may only start sagas gets what they return."""


async def answers(office: Office, api: httpx.AsyncClient) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Everything that can be asked about the two sagas, with the name of each question."""
    document = (await api.get("/openapi.json")).json()
    for saga in (office.ended, office.waiting):
        for path in paths(document["paths"], saga):
            if not (path.endswith("/events") and saga == office.waiting):
                name = "result" if path.endswith("/result") and saga == office.ended else path
                yield name, await api.get(path)
        for tab in TABS:
            yield f"page {saga}{tab}", await api.get(f"/sagas/{saga}{tab}")
        for action in ACTIONS:
            body = {"reason": "why", "step": "book" if action in ("skip", "resolve") else None}
            body |= {"evidence": "happened"} if action == "resolve" else {}
            yield f"{action} {saga}", await api.post(f"/v1/sagas/{saga}/{action}?dry_run=true", json=body)
    for page in PAGES:
        yield f"page {page}", await api.get(f"/{page}")
    parts = "input,result,why,steps,history,effects,allowed"
    yield "all parts", await api.get(f"/v1/sagas/{office.ended}?with={parts}")
    for number, field in enumerate(
        ({"card": {"number": 7, "no": CANARY}}, {"card": CANARY}, {"card": {"number": "x"}, "pin": CANARY})
    ):
        yield f"start {number}", await api.post("/v1/sagas", json={"definition": "pay", "input": field})
    other = {"definition": "pay", "input": {"card": {"number": CANARY}, "note": "other"}, "key": "done"}
    yield "other input", await api.post("/v1/sagas", json=other)


async def over_grpc(office: Office, role: Role) -> AsyncIterator[tuple[str, str]]:
    """Everything that gRPC answers about the two sagas, and to starts that do not fit."""

    async def somebody(_: Sender) -> Principal:
        return Principal("pat", role, LOCAL_WAY)

    async with channel_to(office.sagas, somebody) as channel:
        sagas, parts = SagasStub(channel), [value.name for value in m.Part.DESCRIPTOR.values if value.number]
        for saga in (office.ended, office.waiting):
            yield f"gRPC saga {saga}", await said(sagas.GetSaga(m.GetSagaRequest(ref=str(saga), with_parts=parts)))
        yield "gRPC result", await said(sagas.GetResult(m.GetResultRequest(ref=str(office.ended))))
        for number, field in enumerate(({"card": {"number": 7, "no": CANARY}}, {"card": CANARY})):
            asked = m.StartSagaRequest(definition="pay", input=json.dumps(field).encode())
            yield f"gRPC start {number}", await said(sagas.StartSaga(asked))


async def said(call: Awaitable[Message]) -> str:
    """The answer, or the refusal with all that it contains."""
    try:
        return str(await call)
    except grpc.aio.AioRpcError as error:
        return f"{error.details()} {error.trailing_metadata()}"
