"""The limits of inline claims and end statuses."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications, SagaStatus
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.announce.inline_limits import FRAME_BYTES_MAX, NOTIFY_BYTES_MAX, fit_frame, fit_notify
from saga_postgres.announce.messages import inline_messages

NOTIFY_PAYLOAD_BYTES_MAX = 7_999
STATE = State(Phase.RUNNING, "S" * 499 + "D", rollback_requested=False, paused=False, deadline=1e9, reason=None)


def claim(number: int, size: int) -> Claim:
    return Claim(
        saga=UUID(int=number), step=499, operation=Operation.EXECUTE, number=2**40, definition=2**31 - 1, version=1,
        state=STATE, waiter=1, input=b'"' * size, results={}, deliveries=1, failures=0,
        first_failed_ago=0.0, lease_ends=1e10 / 3, quiet_at=0.0, progress=None, store_clock=1e9 / 3, trace="0" * 55,
    )  # fmt: skip


def told(*sizes: int) -> Notifications:
    claims = [claim(number, size) for number, size in enumerate(sizes)]
    statuses = {
        each.saga: SagaStatus(1, Phase.COMPLETED, None, b"", {0: b'"' * size})
        for each, size in zip(claims, sizes, strict=True)
    }
    refs = [CommandRef(each.saga, each.step) for each in claims]
    return Notifications({7: refs}, {"service"}, {7: list(statuses)}, {7: claims}, {7: statuses})


def inline_sizes(notifications: Notifications) -> tuple[list[int], list[int]]:
    claims, statuses = notifications.claims.get(7, []), notifications.statuses.get(7, {})
    return [len(each.input) for each in claims], [len(each.results[0]) for each in statuses.values()]


def test_a_notify_carries_each_claim_and_end_that_fits_a_payload() -> None:
    whole = told(1, NOTIFY_BYTES_MAX + 1, NOTIFY_BYTES_MAX)
    fitting = fit_notify(whole)
    assert inline_sizes(fitting) == ([1, NOTIFY_BYTES_MAX],) * 2
    assert (fitting.claim_refs, fitting.services, fitting.ended) == (whole.claim_refs, whole.services, whole.ended)
    assert inline_sizes(fit_notify(told(NOTIFY_BYTES_MAX + 1))) == ([], [])


def test_the_largest_inline_claim_fits_a_payload_of_notify() -> None:
    cipher = MessageCipher(StoreOptions().lease_seconds)
    cipher.use(b"k" * 32)
    messages = inline_messages(fit_notify(told(NOTIFY_BYTES_MAX, NOTIFY_BYTES_MAX)), "saga", cipher)
    assert len(messages) == 5
    assert max(len(channel) + len(payload) for channel, payload in messages) < NOTIFY_PAYLOAD_BYTES_MAX


def test_a_reason_counts() -> None:
    state = replace(STATE, reason="\n" * (NOTIFY_BYTES_MAX // 2))
    notifications = Notifications(claims={7: [replace(claim(1, 1), state=state)]})
    assert fit_notify(notifications).claims == {}
    assert fit_frame(notifications).claims == notifications.claims


def test_a_frame_carries_claims_as_long_as_there_is_room() -> None:
    half = FRAME_BYTES_MAX // 2
    assert inline_sizes(fit_frame(told(half, half + 1, half, 1))) == ([half, half],) * 2
    assert inline_sizes(fit_frame(told(FRAME_BYTES_MAX + 1))) == ([], [])
