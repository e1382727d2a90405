"""An endpoint that throttles and refuses a part of a batch, as AWS does and stand-ins do not. It forwards to a real stand-in."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from aiohttp import web

from saga_postgres.embedded.child import LOOPBACK, free_port

Document = dict[str, Any]
THROUGHPUT: Final = "ProvisionedThroughputExceededException"
BODY_BYTES_MAX: Final = 16 * 1024 * 1024


class FaultyEndpoint:
    """Forwards calls. `refuse` returns status and error to answer instead; `drop_record` refuses single records.

    `stall` selects calls that get no answer until the endpoint ends.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._port = free_port()
        self.calls: Counter[str] = Counter()
        self.refuse: Callable[[str], tuple[int, str] | None] = lambda _: None
        self.drop_record: Callable[[int], bool] = lambda _: False
        self.stall: Callable[[str], bool] = lambda _: False
        self._ends = asyncio.Event()
        self._records = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FaultyEndpoint]:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            async with aiohttp.ClientSession() as self._session:
                await web.TCPSite(runner, LOOPBACK, self._port).start()
                yield self
        finally:
            self._ends.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        self.calls[operation] += 1
        if self.stall(operation):
            await self._ends.wait()
        if (refusal := self.refuse(operation)) is not None:
            status, code = refusal
            return web.Response(status=status, body=json.dumps({"__type": code, "message": "slower"}))
        body = await request.read()
        if operation == "PutRecords":
            return await self._put(request, json.loads(body))
        return await self._forward(request, body)

    async def _put(self, request: web.Request, asked: Document) -> web.Response:
        """Forwards only the records that are not refused. The answer has a line for each record, in order."""
        answers: list[Document | None] = []
        accepted = []
        for record in asked["Records"]:
            self._records += 1
            refused = self.drop_record(self._records)
            answers.append({"ErrorCode": THROUGHPUT, "ErrorMessage": "slower"} if refused else None)
            if not refused:
                accepted.append(record)
        stored: list[Document] = []
        if accepted:
            response = await self._forward(request, json.dumps({**asked, "Records": accepted}).encode())
            if response.status != 200 or not isinstance(response.body, bytes):
                return response
            stored = json.loads(response.body)["Records"]
        lines = [answer or stored.pop(0) for answer in answers]
        failed = sum("ErrorCode" in line for line in lines)
        return web.json_response({"FailedRecordCount": failed, "Records": lines})

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}
        }
        async with self._session.post(self._target, data=body, headers=headers) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/x-amz-json-1.1"
            )
