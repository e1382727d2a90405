"""The fake payment service provider: `python -m examples.order.provider FILE`.

A process of its own with a file of its own, as unreliable as real ones are: it
declines 5 % of the cards, gives 3 % of its answers only after the caller stopped
waiting, and fails 2 % of the calls with a 5xx, half of them after the money moved.
What it keeps is the promise that makes this bearable: one idempotency key, one
effect, one answer.
"""

import asyncio
import os
import socket
from collections import Counter
from pathlib import Path

import uvicorn
from cyclopts import App
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.order.fate import Failure, Fate, Lateness
from examples.order.ledger import Entry, Ledger

SEED = 7
LATE_SECONDS = 1.5
CONNECTIONS_WAITING_MAX = 1024


class ChargeCall(BaseModel):
    """Take money: `reference` is the merchant's name for what is paid."""

    reference: str
    card: str
    cents: int = Field(gt=0)


class RefundCall(BaseModel):
    """Give the whole of a charge back."""

    charge: str


class CallRefused(Exception):
    """The call itself is wrong; nothing was executed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Provider:
    """Executes each idempotency key once, and remembers the answer in its ledger.

    It does not mind a second charge of the same order under another key: that is
    the caller's mistake, and the audit is there to find it.
    """

    def __init__(self, ledger: Ledger, fate: Fate, *, late_seconds: float = LATE_SECONDS) -> None:
        self._ledger = ledger
        self._fate = fate
        self._late_seconds = late_seconds
        self._running: dict[str, tuple[Entry, asyncio.Task[None]]] = {}
        self._calls: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Return the HTTP side."""
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
                is_declined=self._fate.declines(call.reference),
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
        failure = self._fate.failure(wanted.kind, wanted.reference, self._calls[wanted.key])
        if failure is Failure.BEFORE:
            return JSONResponse({"error": "try again later"}, 503)
        entry = await self._once(wanted)
        if failure is Failure.AFTER:
            return JSONResponse({"error": "internal error"}, 500)
        if entry.is_declined:
            return JSONResponse({"error": "card declined"}, 402)
        return JSONResponse({"id": entry.id}, 201)

    async def _once(self, wanted: Entry) -> Entry:
        """Execute the key unless it was; wait for it where it is on the way."""
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
            match self._fate.lateness(entry.kind, entry.reference):
                case Lateness.NONE:
                    await asyncio.sleep(self._fate.latency_seconds(entry.kind, entry.reference))
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
    """How it is served: no line a call, no start-up of its own."""
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


app = App(help=__doc__)


@app.default
def serve(
    file: Path,
    *,
    seed: int = SEED,
    declined_share: float = 0.05,
    late_share: float = 0.03,
    failing_share: float = 0.02,
    late_seconds: float = LATE_SECONDS,
) -> None:
    """Serve on a free port of the loopback interface, or where PROVIDER_ADDRESS says; the first line says which."""
    host, _, port = os.environ.get("PROVIDER_ADDRESS", "127.0.0.1:0").rpartition(":")
    fate = Fate(seed, declined_share, late_share, failing_share)
    ledger = Ledger(file)
    provider = Provider(ledger, fate, late_seconds=late_seconds)
    with socket.create_server((host, int(port)), backlog=CONNECTIONS_WAITING_MAX) as listener:
        print(f"http://{host}:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(configuration(provider)).run(sockets=[listener])
    ledger.close()


if __name__ == "__main__":
    app()
