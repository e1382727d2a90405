"""What processes tell each other over NOTIFY: new claims, filled queues, ended sagas, changes among the peers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from saga.ports.work import Ref, Signals

CHANNEL_BYTES_MAX: Final = 63
ITEMS_PER_PAYLOAD: Final = 300  # 18 bytes each, base64: 7,200 of the 7,999 bytes that a payload may have


def prefix(namespace: str) -> str:
    return f"saga_{namespace}_"


def process_channel(namespace: str, process: int) -> str:
    return f"{prefix(namespace)}p_{process}"


def service_channel(namespace: str, service: str) -> str:
    return f"{prefix(namespace)}s_{service}"[:CHANNEL_BYTES_MAX]


def encode(signals: Signals, namespace: str) -> tuple[list[str], list[str]]:
    """Channels and payloads, side by side."""
    channels: list[str] = []
    payloads: list[str] = []
    for process, refs in signals.claims.items():
        for part in _parts([ref.saga.bytes + ref.step.to_bytes(2) for ref in refs]):
            channels.append(process_channel(namespace, process))
            payloads.append("c" + part)
    for process, sagas in signals.ended.items():
        for part in _parts([saga.bytes for saga in sagas]):
            channels.append(process_channel(namespace, process))
            payloads.append("e" + part)
    for service in signals.services:
        channels.append(service_channel(namespace, service))
        payloads.append("")
    return channels, payloads


def _parts(items: Sequence[bytes]) -> list[str]:
    starts = range(0, len(items), ITEMS_PER_PAYLOAD)
    return [b64encode(b"".join(items[start : start + ITEMS_PER_PAYLOAD])).decode() for start in starts]


def claims_in(payload: str) -> list[Ref]:
    data = b64decode(payload[1:])
    return [Ref(UUID(bytes=data[n : n + 16]), int.from_bytes(data[n + 16 : n + 18])) for n in range(0, len(data), 18)]


def ended_in(payload: str) -> list[UUID]:
    data = b64decode(payload[1:])
    return [UUID(bytes=data[n : n + 16]) for n in range(0, len(data), 16)]
