"""The HTTP side of the fake provider: executes each idempotency key once, in its own unreliable way."""

import asyncio
from collections import Counter

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.order.provider.faults import Failure, Faults, Lateness
from examples.order.provider.ledger import Entry, Ledger

LATE_SECONDS = 1.5


class ChargeCall(BaseModel):
    """A charge: `reference` is the merchant's name for what is paid."""

    reference: str
    card: str
    cents: int = Field(gt=0)


class RefundCall(BaseModel):
    """A refund of the whole charge."""

    charge: str


class CallRefused(Exception):
    """The call itself is wrong; nothing was executed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Provider:
    """Executes each idempotency key once, and remembers the answer in its ledger.

    It accepts a second charge of the same order under another key: that is a mistake of the caller, which the
    audit must find.
    """

    def __init__(self, ledger: Ledger, faults: Faults, *, late_seconds: float = LATE_SECONDS) -> None:
        self._ledger = ledger
        self._faults = faults
        self._late_seconds = late_seconds
        self._running: dict[str, tuple[Entry, asyncio.Task[None]]] = {}
        self._calls: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Returns the HTTP application."""
        return Starlette(
            routes=[
                Route("/charges", self._charge, methods=["POST"]),
                Route("/refunds", self._refund, methods=["POST"]),
            ],
            exception_handlers={CallRefused: _refuse, ValidationError: _invalid},
        )

    async def _charge(self, request: Request) -> Response:
        key = _idempotency_key(request)
        call = ChargeCall.model_validate_json(await request.body())
        charge = f"ch_{key}"
        return await self._answer(
            Entry(
                kind="charge",
                id=charge,
                key=key,
                reference=call.reference,
                charge=charge,
                card=call.card,
                cents=call.cents,
                is_declined=self._faults.declines(call.reference),
            )
        )

    async def _refund(self, request: Request) -> Response:
        key = _idempotency_key(request)
        call = RefundCall.model_validate_json(await request.body())
        charge = self._ledger.charges.get(call.charge)
        if charge is None or charge.is_declined:
            raise CallRefused(404, f"no money was taken under {call.charge}")
        return await self._answer(
            Entry(
                kind="refund",
                id=f"re_{key}",
                key=key,
                reference=charge.reference,
                charge=charge.id,
                card=charge.card,
                cents=charge.cents,
            )
        )

    async def _answer(self, wanted: Entry) -> Response:
        self._calls[wanted.key] += 1
        failure = self._faults.failure(wanted.kind, wanted.reference, self._calls[wanted.key])
        if failure is Failure.BEFORE:
            return JSONResponse({"error": "try again later"}, 503)
        entry = await self._once(wanted)
        if failure is Failure.AFTER:
            return JSONResponse({"error": "internal error"}, 500)
        if entry.is_declined:
            return JSONResponse({"error": "card declined"}, 402)
        return JSONResponse({"id": entry.id}, 201)

    async def _once(self, wanted: Entry) -> Entry:
        """Executes the key, unless it was executed already; waits for an execution in progress."""
        known = self._ledger.by_key.get(wanted.key)
        execution: asyncio.Task[None] | None = None
        if known is None and wanted.key in self._running:
            known, execution = self._running[wanted.key]
        if known is None:
            known, execution = wanted, asyncio.create_task(self._execute(wanted))
            self._running[wanted.key] = known, execution
        if known != wanted:
            raise CallRefused(422, f"key {wanted.key} was used for another call")
        if execution is not None:
            await asyncio.shield(execution)
        return known

    async def _execute(self, entry: Entry) -> None:
        try:
            match self._faults.lateness(entry.kind, entry.reference):
                case Lateness.NONE:
                    await asyncio.sleep(self._faults.latency_seconds(entry.kind, entry.reference))
                    await self._ledger.append(entry)
                case Lateness.ANSWER:
                    await self._ledger.append(entry)
                    await asyncio.sleep(self._late_seconds)
                case Lateness.EFFECT:
                    await asyncio.sleep(self._late_seconds)
                    await self._ledger.append(entry)
        finally:
            del self._running[entry.key]


def configuration(provider: Provider) -> uvicorn.Config:
    """Returns a configuration without an access log and without lifespan events."""
    return uvicorn.Config(provider.app(), log_level="warning", access_log=False, lifespan="off")


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise CallRefused(400, "the header Idempotency-Key is missing")
    return key


async def _refuse(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, CallRefused) else 500
    return JSONResponse({"error": str(error)}, status)


async def _invalid(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
