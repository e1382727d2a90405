"""A saga whose external steps are completed by another system, which gets their tokens."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from saga import Context, Definition, Participant, Pending, Reject
from tests.chaos.system.shop import STEADY, ask_provider
from tests.chaos.system.surprises import FOLDER
from tests.chaos.waits.letters import PENDING_SECONDS, Fate, fate_of

FILE: Final = "tokens"
visas = Participant("visas")


@dataclass(frozen=True, slots=True)
class Request:
    """A step of the saga of a number, for which an office was asked."""

    number: int
    saga: str
    step: str
    token: str


def read(data: bytes) -> list[Request]:
    """Reads the lines of the file of tokens."""
    words = [line.split() for line in data.decode().splitlines()]
    return [Request(int(number), saga, step, token) for number, saga, step, token in words]


@visas.step(external=True)
async def apply(number: int, ctx: Context) -> int:
    """A refused visa has had no effect, and never has one: the office says so."""
    if fate_of(number) is not Fate.REFUSED and not await ask_provider(ctx, number):
        raise Reject("declined")
    raise _handed_over(number, ctx)


@apply.compensation
async def withdraw(number: int, applied: int, ctx: Context) -> None:
    await ask_provider(ctx, -applied)


@visas.step(external=True, read_only=True)
async def scan(number: int, ctx: Context) -> int:
    raise _handed_over(number, ctx)


def _handed_over(number: int, ctx: Context) -> Pending:
    descriptor = os.open(Path(os.environ[FOLDER]) / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{number} {ctx.saga_id} {ctx.step} {ctx.token}\n".encode())
    finally:
        os.close(descriptor)
    return Pending(f"{PENDING_SECONDS * 1000:.0f}ms")


visa = Definition("visa", input=int)
visa.cancel_on("cancelled", int)
_held = visa.step("rooms.hold", retry=STEADY)
_applied = visa.step("visas.apply", after=_held, retry=STEADY, timeout="2s")
_scanned = visa.step("visas.scan", after=_applied, read_only=True, inputs=_applied.output, retry=STEADY, timeout="1s")
visa.step("rooms.admit", after=_scanned, inputs=_scanned.output, pivot=True, retry=STEADY)
