"""One line about the machine on which the figures were measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bench.environment.server import Server


def describe(server: Server) -> str:
    """Names the processor, its cores, the kernel, Python, PostgreSQL and its durability settings."""
    settings = ", ".join(f"{name} {value}" for name, value in server.settings.items())
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, Postgres {server.version} ({settings}, read back)"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
