"""Very many steps and lines: the graph of sixty is readable, tables and histories have pages, and no page becomes heavy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from saga import memory
from saga.api.live.place import Place
from saga.api.ui.pages.one_saga import HISTORY_SHOWN_MAX as SHOWN
from saga.api.ui.pages.sagas import STEPS_SHOWN_MAX
from saga.inspection.drawing.timeline_svg import MARKS_MAX
from tests.api.ui.large import LINES, fill_large
from tests.api.ui.shop import Shop, open_shop
from tests.api.ui.test_answers import PAGE_BYTES_MAX, Parsed, client


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop with definitions of many steps, which no service runs."""
    async with open_shop("memory://many-steps") as opened:
        await fill_large(opened)
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


async def test_a_row_of_the_list_names_a_few_of_the_steps_at_which_a_saga_is(shop: Shop) -> None:
    detail = await shop.until("one-500", lambda detail: len(detail.commands) > STEPS_SHOWN_MAX)
    names = [detail.graph.steps[position].name for position in sorted(detail.commands)]
    async with client(shop) as pages:
        page = await pages.get("/?q=definition:wide-500")

    shown = f'{", ".join(names[:STEPS_SHOWN_MAX])} <span class="muted">and {len(names) - STEPS_SHOWN_MAX} more</span>'
    assert shown in page.text


async def test_no_page_of_many_steps_is_heavy(shop: Shop) -> None:
    async with client(shop) as pages:
        for key in ("one-60", "one-500", "long"):
            async with pages.stream("GET", f"/sagas/{shop.ids[key]}") as answer:
                size = sum([len(chunk) async for chunk in answer.aiter_raw()])
            assert size <= PAGE_BYTES_MAX, key


async def test_a_long_history_has_pages_from_the_newest_line_on(shop: Shop) -> None:
    path = f"/sagas/{shop.ids['long']}"
    async with client(shop) as pages:
        newest = (await pages.get(f"{path}?tab=history")).text
        following = re.search(r'href="([^"]+)" rel="prev"', newest)
        assert following is not None
        earlier = (await pages.get(path + unescape(following[1]))).text
        oldest = (await pages.get(f"{path}?tab=history&until=50")).text
        odd = (await pages.get(f"{path}?tab=history&until=-1")).text

    assert f"lines 9,801 to 10,000 of {LINES:,}" in newest
    assert f"lines 9,601 to 9,800 of {LINES:,}" in earlier
    assert f"lines 1 to 50 of {LINES:,}" in oldest
    assert 'rel="next"' in earlier
    assert 'rel="next"' not in newest
    assert 'rel="prev"' not in oldest
    assert odd.count("no answer,") == newest.count("no answer,") == SHOWN


async def test_the_timeline_of_a_step_that_failed_thousands_of_times_has_few_marks(shop: Shop) -> None:
    async with client(shop) as pages:
        page = await pages.get(f"/sagas/{shop.ids['long']}")

    assert 0 < classes(page).count("t-x") <= MARKS_MAX
    assert "History 5,000+" in page.text


async def test_the_events_of_a_page_begin_behind_its_history(shop: Shop) -> None:
    async with client(shop) as pages:
        page = await pages.get(f"/sagas/{shop.ids['one-60']}")
    found = re.search(r'data-events="([^"]+)"', page.text)

    assert found is not None
    after = parse_qs(urlsplit(unescape(found[1])).query)["after"][0]
    detail = await shop.until("one-60", lambda detail: bool(detail.history))
    assert Place.read(after).missing(detail.history) == []
