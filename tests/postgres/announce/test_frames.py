"""Frames of the local socket: decoded as they were encoded, and refused where they may mean something else."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import ProtocolViolation
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import SagaStatus
from saga_postgres.announce.frames import Frame, decode_frame, encode_frame, layout

SAGA = UUID("01936f5e-7d0a-7c3e-8f43-2b1d9c0a5e77")
STATE = State(Phase.RUNNING, "SD", rollback_requested=False, paused=False, deadline=1.5, reason="why")
CLAIM = Claim(
    saga=SAGA,
    step=1,
    operation=Operation.COMPENSATE,
    number=1 << 40,
    definition=2,
    version=3,
    state=STATE,
    waiter=None,
    input=b"{}",
    results={0: b"1"},
    deliveries=4,
    failures=5,
    first_failed_ago=0.25,
    lease_ends=0.5,
    quiet_at=0.75,
    progress=b"null",
    store_clock=1.25,
    trace="00-a-b-01",
    isolated_attempts=6,
)
STATUS = SagaStatus(2, Phase.COMPLETED, None, b"{}", {0: b"1"})
FRAME = Frame([CommandRef(SAGA, 0)], [CLAIM], [SAGA], {SAGA: STATUS})


def test_a_frame_is_decoded_as_it_was_encoded() -> None:
    assert decode_frame(encode_frame(FRAME)) == FRAME


@pytest.mark.parametrize("tag", [0, "Frame", None])
def test_a_frame_of_a_peer_with_other_fields_is_refused(tag: object) -> None:
    frame = msgspec.msgpack.decode(encode_frame(FRAME))
    kinds = (
        CommandRef.__struct_fields__,
        Claim.__struct_fields__,
        SagaStatus.__struct_fields__,
        State.__struct_fields__,
    )
    assert frame[0] == layout(*kinds)
    assert decode_frame(msgspec.msgpack.encode(frame)) == FRAME
    with pytest.raises(ProtocolViolation, match="not a frame of this build"):
        decode_frame(msgspec.msgpack.encode([tag, *frame[1:]]))


def test_a_layout_depends_on_the_names_and_their_order() -> None:
    assert layout(("a", "b"), ("c",)) == layout(("a", "b"), ("c",))
    assert len({layout(("a", "b"), ("c",)), layout(("b", "a"), ("c",)), layout(("a",), ("b", "c")), layout()}) == 4
