"""Writes what a participant of Saga cannot use to every stream: messages of strangers, compressed, oversized, or with broken headers."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Final

from nats.aio.client import Client

STRANGE: Final[tuple[tuple[bytes, dict[str, str] | None], ...]] = (
    (b"", None),
    (b"\xff\x00" * 100, {"Status": "503"}),
    (b"", {"Status": "409", "Description": "Consumer Deleted"}),
    (gzip.compress(b"7" * 10_000), {"Content-Encoding": "gzip"}),
    (b"x" * 1_900_000, None),
    (b"7", {"Saga-Key": "_", "traceparent": "%", "UPPER": "1"}),
    (b'{"v": 99}', None),
)
BROKEN_HEADERS: Final = b"NATS/1.0\r\n\xff\xfe: x\r\nno colon\r\n\r\n"
BROKEN_BODY: Final = b"77"


async def write_strange(url: str) -> None:
    """Writes each of them to each subject that a stream of this server keeps."""
    client = Client()
    await client.connect(url.removeprefix("nats://").split(",")[0])
    try:
        answer = await client.request("$JS.API.STREAM.LIST", timeout=5)
        for stream in json.loads(answer.data)["streams"] or ():
            for subject in stream["config"]["subjects"]:
                for body, headers in STRANGE:
                    await client.publish(subject, body, headers=headers)
                await write_broken_headers(url, subject)
        await client.flush()
    finally:
        await client.close()


async def write_broken_headers(url: str, subject: str) -> None:
    """Sends a message that no driver would send."""
    host, _, port = url.removeprefix("nats://").partition("?")[0].split(",")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    size = len(BROKEN_HEADERS)
    command = b"HPUB %s %d %d\r\n%s%s\r\n" % (
        subject.encode(),
        size,
        size + len(BROKEN_BODY),
        BROKEN_HEADERS,
        BROKEN_BODY,
    )
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n' + command + b"PING\r\n")
    while await reader.readline() not in {b"PONG\r\n", b""}:
        pass
    writer.close()
    await writer.wait_closed()
