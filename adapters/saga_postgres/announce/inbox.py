"""Receives the notifications of other processes, by NOTIFY or over the local socket."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Set as AbstractSet
from typing import Final

from saga.errors import ProtocolViolation
from saga.ports.membership import ProcessListener
from saga.ports.values.claim import Claim, CommandRef
from saga_postgres.announce import payloads
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.announce.frames import decode_frame

CLOCK_SECONDS_MAX: Final = 3.0
"""Seconds after a heartbeat for which its offset of the store's clock is trusted."""

TOLD_SECONDS: Final = 10.0
"""Pause between two lines of the log about refused notifications."""

_log = logging.getLogger(__name__)


class Inbox:
    """Decodes notifications and hands them to the process's listener. It knows the store's clock from the last heartbeat."""

    def __init__(self, cipher: MessageCipher) -> None:
        self._cipher = cipher
        self._process = 0
        self._listener: ProcessListener | None = None
        self._peers: AbstractSet[int] = frozenset()
        self.store_clock = self._store_clock_max = 0.0  # the store's clock minus ours is between the two
        self._clock_read_at = -math.inf
        self._refused, self._told_at = 0, -math.inf
        self.may_have_missed = False
        """True if this process may have missed a notification."""

    def attach(self, process: int, listener: ProcessListener) -> None:
        """Receives the frames that are for this process number."""
        self._process, self._listener = process, listener

    def set_clock(self, store_now: float, asked_at: float) -> None:
        """`store_now` is what the store's clock showed between `asked_at` and now."""
        self._clock_read_at = time.monotonic()
        self.store_clock, self._store_clock_max = store_now - self._clock_read_at, store_now - asked_at

    def note_peers(self, peers: AbstractSet[int]) -> None:
        """A peer that vanished may have died between committing a claim for us and sending its frame."""
        self.may_have_missed = self.may_have_missed or not self._peers <= peers
        self._peers = frozenset(peers)

    def on_notification(self, listener: ProcessListener, channel: str, payload: str) -> None:
        try:
            self._read(listener, channel, payload)
        except ProtocolViolation as error:  # every role that may connect to the database may notify
            self.may_have_missed = True
            self._refused += 1
            if time.monotonic() - self._told_at >= TOLD_SECONDS:
                _log.warning("%d notifications refused, the last one: %s", self._refused, error)
                self._refused, self._told_at = 0, time.monotonic()

    def _read(self, listener: ProcessListener, channel: str, payload: str) -> None:
        match payload[:1]:
            case payloads.CLAIMS:
                clocks = self.store_clock, self._store_clock_max
                self._on_claims(listener, payloads.read_claims(payload, channel, self._cipher, *clocks))
            case payloads.CLAIM_REFS:
                listener.on_claim_refs(payloads.read_claim_refs(payload))
            case payloads.STATUSES:
                listener.on_ended(payloads.read_statuses(payload, channel, self._cipher))
            case payloads.ENDED:
                listener.on_ended(payloads.read_ended(payload))

    def on_frame(self, process: int, data: bytes) -> None:
        listener = self._listener
        if listener is None or process != self._process:
            return  # the frame is for the number that this process had before it lost its session
        try:
            frame = decode_frame(data)
        except ProtocolViolation as error:  # a peer of another build
            _log.warning("frame refused: %s", error)
            self.may_have_missed = True
            return
        if frame.claims:
            for claim in frame.claims:
                claim.store_clock = self.store_clock
            self._on_claims(listener, frame.claims)
        if frame.claim_refs:
            listener.on_claim_refs(frame.claim_refs)
        if frame.statuses or frame.ended:
            listener.on_ended({**frame.statuses, **dict.fromkeys(frame.ended)})

    def _on_claims(self, listener: ProcessListener, claims: list[Claim]) -> None:
        if time.monotonic() - self._clock_read_at < CLOCK_SECONDS_MAX:
            listener.on_claims(claims)
        else:  # this process was suspended, and does not know the time of the store
            listener.on_claim_refs([CommandRef(claim.saga, claim.step) for claim in claims])
