"""What is said on the direct line: read as it was said, and refused where it may mean something else."""

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
from saga_postgres.announce.announcer import Announcement, _encode, layout, said_in

SAGA = UUID("01936f5e-7d0a-7c3e-8f43-2b1d9c0a5e77")
STATE = State(Phase.RUNNING, "SD", rollback_requested=False, paused=False, deadline=1.5, reason="why")
WORK = Claim(
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
STANDING = SagaStatus(2, Phase.COMPLETED, None, b"{}", {0: b"1"})
SAID = Announcement([CommandRef(SAGA, 0)], [WORK], [SAGA], {SAGA: STANDING})


def test_what_is_said_is_heard() -> None:
    assert said_in(_encode(SAID)) == SAID


@pytest.mark.parametrize("tag", [0, "Said", None])
def test_what_a_peer_with_other_fields_says_is_refused(tag: object) -> None:
    frame = msgspec.msgpack.decode(_encode(SAID))
    kinds = (
        CommandRef.__struct_fields__,
        Claim.__struct_fields__,
        SagaStatus.__struct_fields__,
        State.__struct_fields__,
    )
    assert frame[0] == layout(*kinds)
    assert said_in(msgspec.msgpack.encode(frame)) == SAID
    with pytest.raises(ProtocolViolation, match="not of our direct line"):
        said_in(msgspec.msgpack.encode([tag, *frame[1:]]))


def test_a_layout_is_of_names_in_their_order() -> None:
    assert layout(("a", "b"), ("c",)) == layout(("a", "b"), ("c",))
    assert len({layout(("a", "b"), ("c",)), layout(("b", "a"), ("c",)), layout(("a",), ("b", "c")), layout()}) == 4
