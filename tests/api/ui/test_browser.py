"""The pages in a real browser: keys, news, themes, narrow screens, and the pictures of the documentation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.api.ui.browser import NARROW, Reader, Site, open_browser, open_site, reading
from tests.api.ui.large import fill_large
from tests.api.ui.parcels import fill_parcels
from tests.api.ui.shop import Shop, fill

PICTURES: Final = Path(__file__).parents[3] / "docs" / "images"
PICTURE_SIZE: Final = (1260, 620)
PICTURE_BYTES_MAX: Final = 300_000
PAGES: Final = {
    "sagas": "",
    "saga": "sagas/{order-1017}",
    "stuck": "stuck",
    "definition": "definitions/order",
    "services": "services",
    "waits": "waits",
    "parcel": "sagas/{parcel-1}",
    "send": "sagas/{parcel-1}?event=approved",
    "audit": "audit",
    "definitions": "definitions",
    "plan": "sagas/{order-1017}?action=retry&step=charge",
}
"""The pages that the documentation shows, with their addresses."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with open_site("memory://browser", fill_for_pages) as opened:
        yield opened


async def fill_for_pages(shop: Shop) -> None:
    await fill_large(shop)
    await fill_parcels(shop)
    await fill(shop)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_reader(browser: Browser, site: Site) -> Iterator[Reader]:
    with reading(browser, site) as opened:
        yield opened


@pytest.fixture
def reader(shared_reader: Reader) -> Iterator[Reader]:
    """A reader on a wide screen, who has looked at other pages before."""
    yield shared_reader
    assert shared_reader.complaints == []


def test_open_a_saga_by_the_keyboard_alone(reader: Reader) -> None:
    reader.open()
    reader.press("j", "j", "Enter")

    reader.is_at("sagas/")
    reader.press("]", "]")
    expect(reader.page.locator("a.node:focus")).to_contain_text("charge")
    reader.press("Enter")
    expect(reader.page.locator("tr:target")).to_contain_text("charge")


def test_go_from_page_to_page_by_the_keyboard(reader: Reader) -> None:
    reader.open()
    reader.press("g", "d")
    reader.is_at("definitions")
    reader.press("j", "Enter")
    reader.is_at("definitions/order?version=2")
    reader.press("g", "s")
    reader.page.wait_for_url(site_root(reader))


def test_see_that_a_saga_pauses_before_its_next_attempt(reader: Reader) -> None:
    reader.open("waits")
    reader.page.get_by_role("row", name="the carrier does not answer").get_by_role("link").click()

    expect(reader.page.get_by_label("Why")).to_contain_text("the next attempt of step ship")
    expect(reader.page.get_by_label("Timeline")).to_contain_text("ship")


def test_a_mistake_in_a_query_is_explained_beside_it(browser: Browser, site: Site) -> None:
    with reading(browser, site, may_fail=True) as reader:
        reader.open("?q=phase:runing")

        expect(reader.page.get_by_role("alert")).to_contain_text("Did you mean")
        expect(reader.page.get_by_label("Find sagas")).to_have_value("phase:runing")


def test_the_keys_are_explained(reader: Reader) -> None:
    reader.open()
    reader.press("?")

    expect(reader.page.get_by_role("dialog")).to_contain_text("previous and next step")
    reader.press("Escape")
    expect(reader.page.get_by_role("dialog")).to_be_hidden()


def test_keys_are_letters_while_one_types(reader: Reader) -> None:
    reader.open()
    reader.press("/", "g", "d")

    expect(reader.page.get_by_label("Find sagas")).to_have_value("gd")


def test_read_the_history_of_a_saga(reader: Reader) -> None:
    reader.open(f"sagas/{reader.site.shop.ids['order-1017']}")
    reader.page.get_by_role("link", name="History").click()

    expect(reader.page.get_by_role("cell", name="rolling back")).to_be_visible()
    assert "tab=history" in reader.page.url


def test_see_what_a_new_version_changes(reader: Reader) -> None:
    reader.open("definitions")
    reader.page.get_by_role("link", name="order").first.click()

    expect(reader.page.get_by_label("Changes")).to_contain_text("step notify: added")
    expect(reader.page.locator(".tab.waits")).to_have_count(4)


def test_a_page_follows_what_happens_and_keeps_the_focus(reader: Reader) -> None:
    reader.open()
    reader.press("j")
    before = reader.page.evaluate("document.activeElement.textContent")

    reader.site.run(reader.site.shop.start("order-2001", "lamp"))

    reader.hears_news()
    reader.sees("1 newer: show")
    assert reader.page.evaluate("document.activeElement.textContent") == before
    reader.page.get_by_role("link", name="1 newer: show").click()
    reader.sees("order-2001")


def test_a_saga_is_followed_as_it_happens(reader: Reader) -> None:
    saga = UUID(reader.site.shop.ids["order-1012"])
    reader.open(f"sagas/{saga}")
    expect(reader.page.get_by_label("Why")).to_contain_text("the next attempt of step ship")

    reader.site.run(reader.site.shop.sagas.operations.pause(saga, actor="ann", reason="look first"))

    expect(reader.page.locator(".head")).to_contain_text("paused")


def test_a_page_that_hears_nothing_says_so_and_keeps_what_it_shows(browser: Browser, site: Site) -> None:
    with reading(browser, site, may_fail=True) as reader:
        reader.page.clock.install()
        reader.open()
        reader.page.context.set_offline(True)
        reader.page.clock.fast_forward(15_000)

        expect(reader.page.locator("[data-sign]")).to_contain_text("no news for")
        expect(reader.page.get_by_role("link", name="order-1017")).to_be_visible()


def test_the_theme_can_be_chosen_and_stays(reader: Reader) -> None:
    reader.open()
    change = reader.page.get_by_role("button", name="Change the theme")
    change.click()
    change.click()
    reader.open("definitions")

    assert reader.page.evaluate("document.documentElement.dataset.theme") == "dark"
    reader.page.context.clear_cookies()


def test_times_are_in_the_readers_own_zone(browser: Browser, site: Site) -> None:
    with reading(browser, site, zone="Asia/Tokyo") as reader:
        reader.open()
        reader.page.wait_for_function("document.cookie.includes('saga_zone=')")
        reader.open("definitions")

        reader.sees("times: Asia/Tokyo")


def test_a_reader_who_has_travelled_sees_the_time_of_the_place(browser: Browser, site: Site) -> None:
    with reading(browser, site, zone="Asia/Tokyo") as reader:
        reader.page.context.add_cookies([{"name": "saga_zone", "value": "Europe/Paris", "url": site.link}])
        reader.open()
        reader.page.wait_for_function("document.cookie.includes('saga_zone=Asia/Tokyo')")
        reader.open("definitions")

        reader.sees("times: Asia/Tokyo")


def test_nothing_is_wider_than_a_telephone(browser: Browser, site: Site) -> None:
    with reading(browser, site, size=NARROW) as reader:
        for path in PAGES.values():
            reader.open(path.format(**site.shop.ids))
            assert reader.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0], path


@pytest.mark.parametrize(("path", "nodes"), [("one-60", 1_800), ("long", 1_200), ("long?tab=history", 2_400)])
def test_a_large_saga_is_usable_on_a_telephone(browser: Browser, site: Site, path: str, nodes: int) -> None:
    key, _, query = path.partition("?")
    with reading(browser, site, size=NARROW) as reader:
        reader.open(f"sagas/{site.shop.ids[key]}?{query}")
        wide = reader.page.evaluate("document.documentElement.scrollWidth")
        graph = reader.page.locator("svg.graph").first.evaluate(
            "svg => [svg.getBoundingClientRect().width, svg.parentElement.clientWidth, svg.parentElement.scrollWidth]"
        )

        assert reader.page.evaluate("document.querySelectorAll('*').length") <= nodes
        assert wide <= NARROW[0], "nothing but the graph is wider than the screen, and that scrolls"
        assert graph[1] < NARROW[0] < graph[0] <= graph[2], graph


def test_pages_say_everything_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.link}sagas/{site.shop.ids['order-1017']}?tab=history")

    assert "It is rolling back because of" in page.inner_text("main")
    assert "↶ 2 quarantined" in page.inner_text("main")
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_documentation_has_a_picture_of_each_page(browser: Browser, site: Site, name: str) -> None:
    """SAGA_REWRITE=1 takes the pictures again."""
    if os.environ.get("SAGA_REWRITE") == "1":
        PICTURES.mkdir(exist_ok=True)
        with reading(browser, site, size=PICTURE_SIZE) as reader:
            reader.open(PAGES[name].format(**site.shop.ids))
            reader.page.screenshot(path=PICTURES / f"{name}.png", full_page=name == "saga")

    assert 0 < (PICTURES / f"{name}.png").stat().st_size <= PICTURE_BYTES_MAX


def site_root(reader: Reader) -> str:
    return reader.site.link
