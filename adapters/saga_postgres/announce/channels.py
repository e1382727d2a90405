"""The names of the channels over which processes are notified. All channels of the project are named here.

An underscore of the namespace is doubled, so that no channel of one namespace is a channel of another: `x` with a service `p_1` and `x_s`
with a process 1 would otherwise share `saga_x_s_p_1`.
"""

from __future__ import annotations

from typing import Final

CHANNEL_BYTES_MAX: Final = 63
"""The server refuses a longer channel, so a longer one is cut: services may share it, and a notification of one then wakes both."""


def prefix(namespace: str) -> str:
    return f"saga_{namespace.replace('_', '__')}_"


def process_channel(namespace: str, process: int) -> str:
    return f"{prefix(namespace)}p_{process}"


def service_channel(namespace: str, service: str) -> str:
    return f"{prefix(namespace)}s_{service}"[:CHANNEL_BYTES_MAX]


def peers_channel(namespace: str) -> str:
    return f"{prefix(namespace)}peers"


def leader_channel(namespace: str) -> str:
    """The channel of candidates that wait for a resignation."""
    return f"{prefix(namespace)}leader"


def bus_channel(namespace: str) -> str:
    """The channel of the members of the Postgres bus."""
    return f"{prefix(namespace)}bus"
