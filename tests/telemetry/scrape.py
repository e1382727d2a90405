"""Requests of a probe and a scraper."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS: Final = 10.0
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def get(address: tuple[str, int] | None, path: str) -> tuple[int, bytes]:
    """Status and body of a page."""
    assert address is not None
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: saga\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    return int(head.split(b" ", 2)[1]), body


async def probe(address: tuple[str, int] | None, path: str) -> tuple[int, dict[str, Any]]:
    status, body = await get(address, path)
    return status, json.loads(body)


async def scrape(address: tuple[str, int] | None) -> Series:
    """Every sample by its name and labels."""
    status, body = await get(address, "/metrics")
    assert status == 200, body
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


def total(series: Series, name: str, **labels: str) -> float:
    """The sum over all series of a name that have these labels."""
    return sum(
        number for (found, has), number in series.items() if found == name and labels.items() <= dict(has).items()
    )
