"""What processes tell each other over NOTIFY: new claims, filled queues, ended sagas, changes among the peers.

Payloads are ASCII, whatever the database's encoding is: a letter for the kind, then base64. What carries data is sealed: whoever may
connect to the database may listen and notify.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

from pydantic_core import from_json, to_json

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import ProtocolViolation
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications, SagaStatus
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.hot_path.columns import literals

CHANNEL_BYTES_MAX: Final = 63
ITEMS_PER_PAYLOAD: Final = 300  # 18 bytes each, base64: 7,200 of the 7,999 bytes that a payload may have
WHOLE_BYTES_PER_PAYLOAD: Final = 5_800  # with the channel in front, sealed and in base64: less than 7,950
CLAIMS, WORKS, ENDED, ENDINGS = "cwes"
IF_WHOLE, IF_MISSED = "w", "m"

_OPERATIONS: Final = {operation.letter: operation for operation in Operation}  # Enum's own look-up is slow
_PHASES: Final = {phase.letter: phase for phase in Phase}

Told = tuple[str, str]  # channel and payload
Said = ParamSpec("Said")
Heard = TypeVar("Heard")


def prefix(namespace: str) -> str:
    return f"saga_{namespace}_"


def process_channel(namespace: str, process: int) -> str:
    return f"{prefix(namespace)}p_{process}"


def service_channel(namespace: str, service: str) -> str:
    return f"{prefix(namespace)}s_{service}"[:CHANNEL_BYTES_MAX]


def told_if_whole(notifications: Notifications, namespace: str, seal: MessageCipher) -> list[Told]:
    """What is told of a commit of which every write was made."""
    told: list[Told] = []
    for process, refs in notifications.claim_refs.items():
        channel, claims = process_channel(namespace, process), notifications.claims.get(process, ())
        if len(refs) > len(claims):
            whole = {(claim.saga, claim.step) for claim in claims}
            told += _to(channel, _claims([ref for ref in refs if (ref.saga, ref.step) not in whole]))
        if claims:
            told += _to(channel, _whole(WORKS, map(_document_of_work, claims), channel, seal))
    for process, sagas in notifications.ended.items():
        channel, endings = process_channel(namespace, process), notifications.statuses.get(process, {})
        if len(sagas) > len(endings):
            told += _to(channel, _ended([saga for saga in sagas if saga not in endings]))
        if endings:
            told += _to(channel, _whole(ENDINGS, map(_document_of_ending, endings.items()), channel, seal))
    return told + _services(notifications, namespace)


def told_by_address(notifications: Notifications, namespace: str) -> list[Told]:
    """What is told of a commit of which something conflicted, or is unknown: addresses, behind which there may be nothing."""
    told: list[Told] = []
    for process, refs in notifications.claim_refs.items():
        told += _to(process_channel(namespace, process), _claims(refs))
    for process, sagas in notifications.ended.items():
        told += _to(process_channel(namespace, process), _ended(sagas))
    return told + _services(notifications, namespace)


def told_columns(notifications: Notifications, namespace: str, seal: MessageCipher) -> list[str]:
    """n_channel, n_payload and n_when. None needs an escape: a channel is made of names, a payload is a letter and base64."""
    told = [
        *[
            (f'"{channel}"', f'"{payload}"', IF_WHOLE)
            for channel, payload in told_if_whole(notifications, namespace, seal)
        ],
        *[
            (f'"{channel}"', f'"{payload}"', IF_MISSED)
            for channel, payload in told_by_address(notifications, namespace)
        ],
    ]
    return literals(told, 3)


def _services(notifications: Notifications, namespace: str) -> list[Told]:
    return [(service_channel(namespace, service), "") for service in notifications.services]


def _to(channel: str, payloads: Sequence[str]) -> list[Told]:
    return [(channel, payload) for payload in payloads]


def _claims(refs: Sequence[CommandRef]) -> list[str]:
    return _parts(CLAIMS, [ref.saga.bytes + ref.step.to_bytes(2) for ref in refs])


def _ended(sagas: Sequence[UUID]) -> list[str]:
    return _parts(ENDED, [saga.bytes for saga in sagas])


def _parts(kind: str, items: Sequence[bytes]) -> list[str]:
    starts = range(0, len(items), ITEMS_PER_PAYLOAD)
    return [kind + b64encode(b"".join(items[start : start + ITEMS_PER_PAYLOAD])).decode() for start in starts]


def _whole(kind: str, documents: Iterator[Sequence[object]], channel: str, seal: MessageCipher) -> list[str]:
    """As many to a payload as it holds; each is far smaller than that."""
    payloads: list[str] = []
    place = kind + channel
    lines: list[bytes] = []
    size = 0
    for document in documents:
        line = to_json(document)
        if lines and size + len(line) >= WHOLE_BYTES_PER_PAYLOAD:
            payloads.append(kind + seal.close(place, b"\n".join(lines)))
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    payloads.append(kind + seal.close(place, b"\n".join(lines)))
    return payloads


def _document_of_work(claim: Claim) -> Sequence[object]:
    state = claim.state
    return (
        claim.saga.hex, claim.step, claim.operation.letter, claim.number, claim.definition, claim.version,
        state.phase.letter, state.vector, state.rollback_requested, state.deadline, state.reason, claim.waiter,
        claim.input, claim.results, claim.lease_ends + claim.store_clock, claim.trace,
    )  # fmt: skip


def _document_of_ending(ending: tuple[UUID, SagaStatus]) -> Sequence[object]:
    saga, standing = ending
    return saga.hex, standing.definition, standing.phase.letter, standing.reason, standing.input, standing.results


def _refusing(read: Callable[Said, Heard]) -> Callable[Said, Heard]:
    @wraps(read)
    def reading(*said: Said.args, **options: Said.kwargs) -> Heard:
        try:
            return read(*said, **options)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ProtocolViolation(f"not a notification of Saga: {type(error).__name__}") from error

    return reading


@_refusing
def claims_in(payload: str) -> list[CommandRef]:
    data = b64decode(payload[1:])
    return [
        CommandRef(UUID(bytes=data[n : n + 16]), int.from_bytes(data[n + 16 : n + 18])) for n in range(0, len(data), 18)
    ]


@_refusing
def ended_in(payload: str) -> dict[UUID, SagaStatus | None]:
    data = b64decode(payload[1:])
    return dict.fromkeys((UUID(bytes=data[n : n + 16]) for n in range(0, len(data), 16)), None)


@_refusing
def works_in(
    payload: str, channel: str, seal: MessageCipher, store_clock: float, store_clock_max: float
) -> list[Claim]:
    """Claims as they were told, on this process's clock. The store's clock minus ours is between the two."""
    return [
        Claim(
            saga=UUID(saga),
            step=step,
            operation=_OPERATIONS[operation],
            number=claim,
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
            quiet_at=0.0,
            progress=None,
            store_clock=store_clock,
            trace=trace,
        )
        for (
            saga, step, operation, claim, definition, version, phase, vector, rollback_requested, deadline, reason, waiter,
            input_, results, lease_until, trace,
        ) in _documents(payload, channel, seal)
    ]  # fmt: skip


@_refusing
def endings_in(payload: str, channel: str, seal: MessageCipher) -> dict[UUID, SagaStatus | None]:
    return {
        UUID(saga): SagaStatus(
            definition, _PHASES[phase], reason, None if input_ is None else input_.encode(), _results(results)
        )
        for saga, definition, phase, reason, input_, results in _documents(payload, channel, seal)
    }


def _documents(payload: str, channel: str, seal: MessageCipher) -> Iterator[list[Any]]:
    return map(from_json, seal.open(payload[:1] + channel, payload[1:]).splitlines())


def _results(results: Mapping[str, str]) -> dict[int, bytes]:
    return {int(step): result.encode() for step, result in results.items()}
