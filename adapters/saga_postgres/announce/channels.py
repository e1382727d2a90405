"""The names of the channels over which processes are notified."""

from __future__ import annotations

from typing import Final

CHANNEL_BYTES_MAX: Final = 63


def prefix(namespace: str) -> str:
    return f"saga_{namespace}_"


def process_channel(namespace: str, process: int) -> str:
    return f"{prefix(namespace)}p_{process}"


def service_channel(namespace: str, service: str) -> str:
    return f"{prefix(namespace)}s_{service}"[:CHANNEL_BYTES_MAX]


def peers_channel(namespace: str) -> str:
    return f"{prefix(namespace)}peers"
