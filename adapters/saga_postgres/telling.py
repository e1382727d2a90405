"""What of a commit goes over the direct line: for whom, in which words, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID
from zlib import crc32

import msgspec

from saga.core.decide import State
from saga.errors import ProtocolViolation
from saga.ports.work import Ref, Signals, Standing, Work
from saga_postgres.line import Line


def layout(*fields: Sequence[str]) -> int:
    """A number for fields that travel in this order, without their names."""
    return crc32(repr(fields).encode())


_KINDS: Final = (Ref.__struct_fields__, Work.__struct_fields__, Standing.__struct_fields__, State.__struct_fields__)


class Said(msgspec.Struct, array_like=True, tag=layout(*_KINDS)):
    """What one process is told of one commit: claims and ends, some of them whole. Times are on the monotonic clock of their machine.

    The tag goes in front: a peer of another build, whose fields are others, is refused rather than misread.
    """

    claims: list[Ref]
    works: list[Work]
    ended: list[UUID]
    endings: dict[UUID, Standing]


_encode: Final = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode: Final = msgspec.msgpack.Decoder(Said).decode


def said_in(frame: bytes) -> Said:
    """Read what came on the line. Raises ProtocolViolation."""
    try:
        return _decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolViolation(f"this is not of our direct line: {error}") from error


def part(signals: Signals, line: Line) -> tuple[Signals, Signals]:
    """For whom the line is, and who has to be notified. Queues are everybody's."""
    near, far = Signals(), Signals(services=signals.services)
    for process, refs in signals.claims.items():
        to = near if line.reaches(process) else far
        to.claims[process] = refs
        if process in signals.works:
            to.works[process] = signals.works[process]
    for process, sagas in signals.ended.items():
        to = near if line.reaches(process) else far
        to.ended[process] = sagas
        if process in signals.endings:
            to.endings[process] = signals.endings[process]
    return near, far


class Telling:
    """What is said when a commit has been made. The words are found while it is under way, and spoken at once when its answer is there."""

    def __init__(self, near: Signals, line: Line) -> None:
        self._near = near
        self._line = line
        self._whole: dict[int, bytes] | None = None
        asyncio.get_running_loop().call_soon(self._prepare)

    def _prepare(self) -> dict[int, bytes]:
        if self._whole is None:
            self._whole = _encoded(_whole(self._near))
        return self._whole

    def speak(self, *, is_whole: bool) -> Signals:
        """Persist, then send. Not whole where a part of the commit was not written: an address of nothing harms nobody.

        Returns what could not be sent, by address.
        """
        frames = self._prepare() if is_whole else _encoded(_by_address(self._near))
        unsent = Signals()
        for process, frame in frames.items():
            if not self._line.send(process, frame):
                unsent.claims[process] = self._near.claims.get(process, [])
                unsent.ended[process] = self._near.ended.get(process, [])
        return unsent


def _encoded(found: dict[int, Said]) -> dict[int, bytes]:
    return {process: _encode(said) for process, said in found.items()}


def _by_address(near: Signals) -> dict[int, Said]:
    processes = near.claims.keys() | near.ended.keys()
    return {process: Said(near.claims.get(process, []), [], near.ended.get(process, []), {}) for process in processes}


def _whole(near: Signals) -> dict[int, Said]:
    found = _by_address(near)
    for process, works in near.works.items():
        said = found[process]
        said.works = works
        told = {(work.saga, work.step) for work in works} if len(works) < len(said.claims) else None
        said.claims = [] if told is None else [ref for ref in said.claims if (ref.saga, ref.step) not in told]
    for process, endings in near.endings.items():
        said = found[process]
        said.endings = endings
        said.ended = [saga for saga in said.ended if saga not in endings]
    return found
