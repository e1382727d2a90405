"""Three services whose processes write their spans into files. Run as a program, it is the client.

`python -m tests.telemetry.traced COUNT [all]` starts that many sagas, each in its own span, and waits for them; `all` also serves.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import saga
from saga import Context, Definition, Participant, Reject, Retry

FOLDER = "SPANS_FOLDER"


class FileExporter(SpanExporter):
    """One JSON line a span, in a file of this process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{os.getpid()}.jsonl"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._path.open("a") as file:
            for span in spans:
                file.write(json.dumps(_line(span)) + "\n")
        return SpanExportResult.SUCCESS


def _line(span: ReadableSpan) -> dict[str, object]:
    return {
        "name": span.name,
        "trace": f"{span.context.trace_id:032x}",
        "span": f"{span.context.span_id:016x}",
        "parent": None if span.parent is None else f"{span.parent.span_id:016x}",
        "kind": span.kind.name,
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes or {}),
        "pid": os.getpid(),
    }


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(FileExporter(Path(os.environ[FOLDER]))))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop")

stock, money = Participant("stock"), Participant("money")
post = Participant("post", database="store")


@stock.step(external=True)
def take(amount: int) -> int:
    """A handler that runs in a thread: its spans are children as well."""
    with tracer.start_as_current_span("inventory call"):
        return amount


@take.compensation
async def put_back(amount: int, taken: int) -> None: ...


@money.step(external=True)
async def charge(amount: int, ctx: Context) -> int:
    if ctx.attempt == 1:
        raise ConnectionError("try again")
    return amount


@charge.compensation
async def refund(amount: int, charged: int) -> None: ...


@post.step
async def send(amount: int) -> str:
    if amount < 0:
        raise Reject("nothing to send")
    return "sent"


@send.compensation
async def call_back(amount: int, sent: str) -> None: ...


order = Definition("order", input=int, deadline="1m")
taken = order.step("stock.take")
paid = order.step("money.charge", after=taken, retry=Retry(attempts=3, first="10ms"))
order.step("post.send", after=paid, inputs=order.input, pivot=True)


async def main(count: int, *, serves: bool) -> None:
    async with saga.connect() as sagas:
        if serves:
            async with sagas.serve(stock, money, post):
                await _run(sagas, count)
        else:
            await _run(sagas, count)


async def _run(sagas: saga.app.App, count: int) -> None:
    """Every second saga is rolled back."""
    if count:
        await sagas.register(order)
    handles = []
    for number in range(count):
        with tracer.start_as_current_span("request"):
            handles.append(await sagas.start(order, -1 if number % 2 else 1))
    endings = [await handle.result(30) for handle in handles]
    print(json.dumps({str(ending.saga): ending.status for ending in endings}), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), serves="all" in sys.argv))
