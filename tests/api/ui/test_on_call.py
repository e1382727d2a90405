"""The errands of people on call, in a real browser: within three clicks, by the keyboard alone, and both in either theme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from tests.api.ui.browser import Reader, Site, Theme, open_browser, open_site, reading
from tests.api.ui.parcels import PARCEL, fill_parcels
from tests.api.ui.shop import Shop, fill
from tests.api.ui.tasks import CLICKS_MAX, TASKS, Person, Task

THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
WAYS: Final = ("clicks", "keys")


def own_key(task: Task, theme: str, way: str) -> str:
    """The key of the saga that one person gets for one errand."""
    return f"{task.name.split()[0]}-{theme}-{way}" if task.definition else ""


async def fill_for_all(shop: Shop) -> None:
    """The shop, with a saga of their own for each errand that changes one."""
    await fill(shop)
    await fill_parcels(shop)
    for task, theme, way in product(TASKS, THEMES, WAYS):
        key = own_key(task, theme, way)
        if task.definition == "parcel":
            await shop.start_with("parcel", key, PARCEL)
        elif key:
            await shop.start(key, "mute")
            await shop.until(key, lambda detail: detail.state.is_stuck)
    shop.faults.pop(("notify", "mute"))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with open_site("memory://on-call", fill_for_all) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module", params=THEMES)
def reader(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Reader]:
    """A reader in one theme. In the end the browser must not have complained of anything, nor asked another host."""
    with reading(browser, site, request.param) as opened:
        opened.open()
        is_dark = opened.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert is_dark is (request.param == "dark")
        yield opened


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_three_clicks_are_enough(reader: Reader, task: Task, theme: Theme) -> None:
    person = Person(reader, own_key(task, theme, "clicks"))

    does(person, task, task.by_clicks)

    assert person.clicks <= CLICKS_MAX


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_keyboard_is_enough(reader: Reader, task: Task, theme: Theme) -> None:
    person = Person(reader, own_key(task, theme, "keys"))

    does(person, task, task.by_keys)

    assert person.clicks == 0


def does(person: Person, task: Task, moves: Callable[[Person], None]) -> None:
    """Does an errand from the list of sagas on, until its answer is on the page."""
    person.reader.open()
    moves(person)
    expect(person.page.locator(task.place).first).to_contain_text(task.words)
    assert person.reader.complaints == []


@pytest.fixture
def theme(reader: Reader) -> Theme:
    return "dark" if reader.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
