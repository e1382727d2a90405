"""Sagas of many steps, which no service runs, and one with a very long history: an attempt that has failed again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import HistoryRow
from tests.api.ui.shop import Shop
from tests.drawing.pictures import random_graph

SIZES: Final = (60, 500)
LINES: Final = 10_000


async def fill_large(shop: Shop) -> None:
    """One saga of each size, and `long`, with LINES lines of history."""
    for size in SIZES:
        graph = replace(random_graph(size, size), name=f"wide-{size}")
        await shop.sagas.adapter.directory.register(graph, None, activate=True, overwrite=False)
        await shop.start(f"one-{size}", "lamp", graph.name)
    shop.faults["reserve", "late"] = ConnectionError("no answer")
    await shop.start("long", "late")
    await shop.until("long", lambda detail: any(command.failures for command in detail.commands.values()))
    adapter = shop.sagas.adapter
    assert isinstance(adapter, MemoryAdapter)
    row = adapter.database.sagas[UUID(shop.ids["long"])]
    count = sum(line.saga == row.id for line in adapter.database.history)
    for number in range(LINES - count):
        entry = HistoryEntry(HistoryKind.FAILED, 0, f"ConnectionError: no answer, {number}")
        line = HistoryRow(row.started_at + number / LINES, row.id, None, 1, row.state, entry)
        adapter.database.history.append(line)
