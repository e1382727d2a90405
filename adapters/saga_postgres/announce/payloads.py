"""The payloads of NOTIFY: new claims and ended sagas, as references or inline.

A payload is ASCII, whatever the encoding of the database: a letter for its kind, then base64. Payloads with data are encrypted, since every
role that may connect to the database may listen and notify.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

from pydantic_core import from_json, to_json

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import ProtocolViolation
from saga.ports.values.claim import NEVER_CALLED, Claim, CommandRef
from saga.ports.values.notification import SagaStatus
from saga_postgres.announce.encryption import MessageCipher

REFERENCES_PER_PAYLOAD: Final = 300
"""18 bytes each: in base64 7,200 of the 7,999 bytes that a payload may have."""
INLINE_BYTES_PER_PAYLOAD: Final = 5_800
"""Encrypted and in base64, with the channel in front, less than 7,950 bytes."""
CLAIM_REFS, CLAIMS, ENDED, STATUSES = "cwes"

_OPERATIONS: Final = {operation.letter: operation for operation in Operation}  # Enum's own look-up is slow
_PHASES: Final = {phase.letter: phase for phase in Phase}

Parameters = ParamSpec("Parameters")
Read = TypeVar("Read")


def claim_ref_payloads(refs: Sequence[CommandRef]) -> list[str]:
    return _reference_payloads(CLAIM_REFS, [ref.saga.bytes + ref.step.to_bytes(2) for ref in refs])


def ended_payloads(sagas: Sequence[UUID]) -> list[str]:
    return _reference_payloads(ENDED, [saga.bytes for saga in sagas])


def claim_payloads(claims: Sequence[Claim], channel: str, cipher: MessageCipher) -> list[str]:
    return _inline_payloads(CLAIMS, map(_claim_document, claims), channel, cipher)


def status_payloads(statuses: Mapping[UUID, SagaStatus], channel: str, cipher: MessageCipher) -> list[str]:
    return _inline_payloads(STATUSES, map(_status_document, statuses.items()), channel, cipher)


def _reference_payloads(kind: str, items: Sequence[bytes]) -> list[str]:
    starts = range(0, len(items), REFERENCES_PER_PAYLOAD)
    return [kind + b64encode(b"".join(items[start : start + REFERENCES_PER_PAYLOAD])).decode() for start in starts]


def _inline_payloads(
    kind: str, documents: Iterable[Sequence[object]], channel: str, cipher: MessageCipher
) -> list[str]:
    """Fills each payload with as many documents as fit. A document fits into one: see `inline_limits`."""
    payloads: list[str] = []
    place = kind + channel
    lines: list[bytes] = []
    size = 0
    for document in documents:
        line = to_json(document)
        if lines and size + len(line) >= INLINE_BYTES_PER_PAYLOAD:
            payloads.append(kind + cipher.encrypt(place, b"\n".join(lines)))
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    payloads.append(kind + cipher.encrypt(place, b"\n".join(lines)))
    return payloads


def _claim_document(claim: Claim) -> Sequence[object]:
    state = claim.state
    return (
        claim.saga.hex, claim.step, claim.operation.letter, claim.number, claim.definition, claim.version,
        state.phase.letter, state.vector, state.rollback_requested, state.deadline, state.reason, claim.waiter,
        claim.input, claim.results, claim.lease_ends + claim.store_clock, claim.trace,
    )  # fmt: skip


def _status_document(ended: tuple[UUID, SagaStatus]) -> Sequence[object]:
    saga, status = ended
    return saga.hex, status.definition, status.phase.letter, status.reason, status.input, status.results


def _refusing(read: Callable[Parameters, Read]) -> Callable[Parameters, Read]:
    """Turns the errors of a malformed payload into ProtocolViolation."""

    @wraps(read)
    def reading(*args: Parameters.args, **options: Parameters.kwargs) -> Read:
        try:
            return read(*args, **options)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ProtocolViolation(f"not a notification of Saga: {type(error).__name__}") from error

    return reading


@_refusing
def read_claim_refs(payload: str) -> list[CommandRef]:
    data = b64decode(payload[1:])
    return [
        CommandRef(UUID(bytes=data[n : n + 16]), int.from_bytes(data[n + 16 : n + 18])) for n in range(0, len(data), 18)
    ]


@_refusing
def read_ended(payload: str) -> dict[UUID, SagaStatus | None]:
    data = b64decode(payload[1:])
    return dict.fromkeys((UUID(bytes=data[n : n + 16]) for n in range(0, len(data), 16)), None)


@_refusing
def read_claims(
    payload: str, channel: str, cipher: MessageCipher, store_clock: float, store_clock_max: float
) -> list[Claim]:
    """Inline claims, with times on this process's clock. The store's clock minus ours is between the two bounds."""
    return [
        Claim(
            saga=UUID(saga),
            step=step,
            operation=_OPERATIONS[operation],
            number=number,
            definition=definition,
            version=version,
            state=State(_PHASES[phase], vector, rollback_requested, paused=False, deadline=deadline, reason=reason),
            waiter=waiter,
            input=input_.encode(),
            results=_results(results),
            deliveries=1,
            failures=0,
            first_failed_ago=0.0,
            lease_ends=lease_until - store_clock_max,  # conservative
            quiet_at=NEVER_CALLED,
            progress=None,
            store_clock=store_clock,
            trace=trace,
        )
        for (
            saga, step, operation, number, definition, version, phase, vector, rollback_requested, deadline, reason, waiter,
            input_, results, lease_until, trace,
        ) in _documents(payload, channel, cipher)
    ]  # fmt: skip


@_refusing
def read_statuses(payload: str, channel: str, cipher: MessageCipher) -> dict[UUID, SagaStatus | None]:
    return {
        UUID(saga): SagaStatus(
            definition, _PHASES[phase], reason, None if input_ is None else input_.encode(), _results(results)
        )
        for saga, definition, phase, reason, input_, results in _documents(payload, channel, cipher)
    }


def _documents(payload: str, channel: str, cipher: MessageCipher) -> Iterator[list[Any]]:
    return map(from_json, cipher.decrypt(payload[:1] + channel, payload[1:]).splitlines())


def _results(results: Mapping[str, str]) -> dict[int, bytes]:
    return {int(step): result.encode() for step, result in results.items()}
