"""Very many steps: the graph of sixty is readable, the table of five hundred has pages, and no page becomes heavy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from saga import memory
from tests.api.ui.shop import Shop, open_shop
from tests.api.ui.test_answers import PAGE_BYTES_MAX, Parsed, client
from tests.drawing.pictures import random_graph

SIZES = (60, 500)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop with definitions of many steps, which no service runs."""
    async with open_shop("memory://many-steps") as opened:
        for size in SIZES:
            graph = replace(random_graph(size, size), name=f"wide-{size}")
            await opened.sagas.adapter.directory.register(graph, None, activate=True, overwrite=False)
            await opened.start(f"one-{size}", "lamp", graph.name)
        yield opened
    memory.forget("memory://many-steps")


def classes(page: httpx.Response) -> list[str]:
    return [name for _, attrs in Parsed(page.text).elements for name in (attrs.get("class") or "").split()]


async def test_sixty_steps_are_all_in_the_graph_and_in_the_table(shop: Shop) -> None:
    async with client(shop) as pages:
        page = await pages.get(f"/sagas/{shop.ids['one-60']}")

    assert classes(page).count("node") == 60
    assert page.text.count('id="step-') == 60
    assert "More steps" not in page.text


async def test_five_hundred_steps_are_folded_in_the_graph_and_paged_in_the_table(shop: Shop) -> None:
    async with client(shop) as pages:
        first = await pages.get("/definitions/wide-500")
        last = await pages.get("/definitions/wide-500?from=400")
        odd = await pages.get("/definitions/wide-500?from=-1")

    assert 0 < classes(first).count("node") < 500
    assert [page.text.count('id="step-') for page in (first, last, odd)] == [200, 100, 200]
    assert "200 of 500" in first.text
    assert "More steps" not in last.text


async def test_no_page_of_many_steps_is_heavy(shop: Shop) -> None:
    async with client(shop) as pages:
        for key in ("one-60", "one-500"):
            async with pages.stream("GET", f"/sagas/{shop.ids[key]}") as answer:
                size = sum([len(chunk) async for chunk in answer.aiter_raw()])
            assert size <= PAGE_BYTES_MAX, key
