"""The limits of inline claims and end statuses. The rest is sent as references, and read from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from pydantic_core import to_json

from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications, SagaStatus

NOTIFY_BYTES_MAX: Final = 2_400
"""Input, results and reason of one claim or end status in a NOTIFY. Escaped as JSON they take twice that at most, which fits a payload."""
FRAME_BYTES_MAX: Final = 256 * 1024
"""The same for all claims, and for all end statuses, in one frame of the local socket: a quarter of what a peer may leave unread."""
Fits = Callable[[int], bool]


def fit_notify(notifications: Notifications) -> Notifications:
    """Returns what NOTIFY can carry of this, with all references."""
    return _limited(notifications, lambda: _fits_notify)


def fit_frame(notifications: Notifications) -> Notifications:
    """Returns what the frames of the local socket can carry of this, with all references."""
    return _limited(notifications, _Room)


def _fits_notify(size: int) -> bool:
    return size <= NOTIFY_BYTES_MAX


class _Room:
    """The room that is left in one frame."""

    def __init__(self) -> None:
        self._left = FRAME_BYTES_MAX

    def __call__(self, size: int) -> bool:
        has_room = size <= self._left
        if has_room:
            self._left -= size
        return has_room


def _limited(notifications: Notifications, new_room: Callable[[], Fits]) -> Notifications:
    claims: dict[int, list[Claim]] = {}
    for process, made in notifications.claims.items():
        fits = new_room()
        if kept := [claim for claim in made if fits(_size(claim.input, claim.results, claim.state.reason))]:
            claims[process] = kept
    statuses: dict[int, dict[UUID, SagaStatus]] = {}
    for process, ended in notifications.statuses.items():
        fits = new_room()
        if found := {saga: at for saga, at in ended.items() if fits(_size(at.input or b"", at.results, at.reason))}:
            statuses[process] = found
    return Notifications(notifications.claim_refs, notifications.services, notifications.ended, claims, statuses)


def _size(payload: bytes, results: Mapping[int, bytes], reason: str | None) -> int:
    """The reason counts too: a handler or an operator may have written a long one."""
    reason_bytes = 0 if reason is None else len(to_json(reason))
    return reason_bytes + len(payload) + sum(map(len, results.values()))
