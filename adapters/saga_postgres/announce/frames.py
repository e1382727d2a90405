"""Frames of the local socket: one for each process that a commit concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID
from zlib import crc32

import msgspec

from saga.core.state.saga_state import State
from saga.errors import ProtocolViolation
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications, SagaStatus


def layout(*fields: Sequence[str]) -> int:
    """A number for fields that are sent in this order, without their names."""
    return crc32(repr(fields).encode())


_KINDS: Final = (
    CommandRef.__struct_fields__,
    Claim.__struct_fields__,
    SagaStatus.__struct_fields__,
    State.__struct_fields__,
)


class Frame(msgspec.Struct, array_like=True, tag=layout(*_KINDS)):
    """The notifications of one commit for one process; `claims` and `statuses` are inline. Times are on the machine's monotonic clock.

    The tag comes first: a peer of another build, whose structs have other fields, is refused rather than misread.
    """

    claim_refs: list[CommandRef]
    claims: list[Claim]
    ended: list[UUID]
    statuses: dict[UUID, SagaStatus]


encode_frame: Final = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode: Final = msgspec.msgpack.Decoder(Frame).decode


def decode_frame(frame: bytes) -> Frame:
    """Decodes a frame. Raises ProtocolViolation if it does not come from a process of this build."""
    try:
        return _decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolViolation(f"not a frame of this build's local socket: {error}") from error


def inline_frames(notifications: Notifications) -> dict[int, bytes]:
    """Returns the frames of a commit whose writes were all made, by process."""
    frames = _references(notifications)
    for process, claims in notifications.claims.items():
        frame = frames[process]
        frame.claims = claims
        inline = {(claim.saga, claim.step) for claim in claims} if len(claims) < len(frame.claim_refs) else None
        frame.claim_refs = (
            [] if inline is None else [ref for ref in frame.claim_refs if (ref.saga, ref.step) not in inline]
        )
    for process, statuses in notifications.statuses.items():
        frame = frames[process]
        frame.statuses = statuses
        frame.ended = [saga for saga in frame.ended if saga not in statuses]
    return _encoded(frames)


def reference_frames(notifications: Notifications) -> dict[int, bytes]:
    """Returns the frames of a commit with a write conflict, by process: they refer to claims that may not exist."""
    return _encoded(_references(notifications))


def _references(notifications: Notifications) -> dict[int, Frame]:
    processes = notifications.claim_refs.keys() | notifications.ended.keys()
    return {
        process: Frame(notifications.claim_refs.get(process, []), [], notifications.ended.get(process, []), {})
        for process in processes
    }


def _encoded(frames: Mapping[int, Frame]) -> dict[int, bytes]:
    return {process: encode_frame(frame) for process, frame in frames.items()}
