"""What of a commit goes over the direct line: for whom, in which words, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID
from zlib import crc32

import msgspec

from saga.core.state.saga_state import State
from saga.errors import ProtocolViolation
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications, SagaStatus
from saga_postgres.announce.local_socket import LocalSocket


def layout(*fields: Sequence[str]) -> int:
    """A number for fields that travel in this order, without their names."""
    return crc32(repr(fields).encode())


_KINDS: Final = (
    CommandRef.__struct_fields__,
    Claim.__struct_fields__,
    SagaStatus.__struct_fields__,
    State.__struct_fields__,
)


class Announcement(msgspec.Struct, array_like=True, tag=layout(*_KINDS)):
    """What one process is told of one commit: claims and ends, some of them whole. Times are on the monotonic clock of their machine.

    The tag goes in front: a peer of another build, whose fields are others, is refused rather than misread.
    """

    claim_refs: list[CommandRef]
    claims: list[Claim]
    ended: list[UUID]
    statuses: dict[UUID, SagaStatus]


_encode: Final = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode: Final = msgspec.msgpack.Decoder(Announcement).decode


def said_in(frame: bytes) -> Announcement:
    """Read what came on the line. Raises ProtocolViolation."""
    try:
        return _decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolViolation(f"this is not of our direct line: {error}") from error


def part(notifications: Notifications, line: LocalSocket) -> tuple[Notifications, Notifications]:
    """For whom the line is, and who has to be notified. Queues are everybody's."""
    near, far = Notifications(), Notifications(services=notifications.services)
    for process, refs in notifications.claim_refs.items():
        to = near if line.reaches(process) else far
        to.claim_refs[process] = refs
        if process in notifications.claims:
            to.claims[process] = notifications.claims[process]
    for process, sagas in notifications.ended.items():
        to = near if line.reaches(process) else far
        to.ended[process] = sagas
        if process in notifications.statuses:
            to.statuses[process] = notifications.statuses[process]
    return near, far


class Announcer:
    """What is said when a commit has been made. The words are found while it is under way, and spoken at once when its answer is there."""

    def __init__(self, near: Notifications, line: LocalSocket) -> None:
        self._near = near
        self._line = line
        self._whole: dict[int, bytes] | None = None
        asyncio.get_running_loop().call_soon(self._prepare)

    def _prepare(self) -> dict[int, bytes]:
        if self._whole is None:
            self._whole = _encoded(_whole(self._near))
        return self._whole

    def speak(self, *, is_whole: bool) -> Notifications:
        """Persist, then send. Not whole where a part of the commit was not written: an address of nothing harms nobody.

        Returns what could not be sent, by address.
        """
        frames = self._prepare() if is_whole else _encoded(_by_address(self._near))
        unsent = Notifications()
        for process, frame in frames.items():
            if not self._line.send(process, frame):
                unsent.claim_refs[process] = self._near.claim_refs.get(process, [])
                unsent.ended[process] = self._near.ended.get(process, [])
        return unsent


def _encoded(found: dict[int, Announcement]) -> dict[int, bytes]:
    return {process: _encode(said) for process, said in found.items()}


def _by_address(near: Notifications) -> dict[int, Announcement]:
    processes = near.claim_refs.keys() | near.ended.keys()
    return {
        process: Announcement(near.claim_refs.get(process, []), [], near.ended.get(process, []), {})
        for process in processes
    }


def _whole(near: Notifications) -> dict[int, Announcement]:
    found = _by_address(near)
    for process, claims in near.claims.items():
        said = found[process]
        said.claims = claims
        told = {(claim.saga, claim.step) for claim in claims} if len(claims) < len(said.claim_refs) else None
        said.claim_refs = [] if told is None else [ref for ref in said.claim_refs if (ref.saga, ref.step) not in told]
    for process, statuses in near.statuses.items():
        said = found[process]
        said.statuses = statuses
        said.ended = [saga for saga in said.ended if saga not in statuses]
    return found
