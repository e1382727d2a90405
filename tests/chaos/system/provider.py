"""The API of a provider, in a process of its own: an append-only file, and one effect for each idempotency key.

Each call is a line of the file: `effect KEY SAGA AMOUNT`, or `again` or `declined` instead of `effect`. The provider answers
after the line is written, so that a kill loses answers and no effects.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from saga_postgres.embedded.child import LOOPBACK
from tests.chaos.system.shop import DECLINED

CONNECTIONS_WAITING_MAX = 1_024
FILE = "provider.file"


@dataclass(frozen=True, slots=True)
class Line:
    """One call, as the provider recorded it: `word` is effect, again or declined."""

    word: str
    key: str
    saga: str
    amount: int


def read(file: Path) -> list[Line]:
    """Returns every complete line."""
    if not file.exists():
        return []
    whole, _, _ = file.read_text().rpartition("\n")
    words = [line.split() for line in whole.splitlines()]
    return [Line(word, key, saga, int(amount)) for word, key, saga, amount in words]


async def serve(file: Path, port: int) -> None:
    """Serves until it is killed."""
    effects = {line.key for line in read(file) if line.word == "effect"}
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while len(words := (await reader.readline()).decode().split()) == 3:  # otherwise the caller has gone
                key, _, amount = words
                is_declined = int(amount) > 0 and int(amount) % DECLINED == 0
                word = "declined" if is_declined else "again" if key in effects else "effect"
                os.write(descriptor, f"{word} {' '.join(words)}\n".encode())
                if word == "effect":
                    effects.add(key)
                writer.write(b"declined\n" if is_declined else b"done\n")
                await writer.drain()
        except OSError:
            pass  # the caller gets no answer, and asks again
        finally:
            writer.close()

    server = await asyncio.start_server(call, LOOPBACK, port, backlog=CONNECTIONS_WAITING_MAX)
    async with server:
        await server.serve_forever()
