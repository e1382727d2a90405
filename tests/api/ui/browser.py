"""A real browser on a real server: the shop, its pages on a port of this machine, and what the browser complains of."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from saga import memory
from saga.api.server import served
from tests.api.ui.shop import Shop, fill, open_shop

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-lcd-text")
"""A sandbox needs rights that a container does not give; the pages are our own."""
FAILURES: Final = ("the server responded with", "ERR_INTERNET_DISCONNECTED", "Failed to fetch")
WIDE: Final = (1300, 900)
NARROW: Final = (390, 844)
WAIT_MS: Final = 10_000
Theme = Literal["light", "dark"]
Answer = TypeVar("Answer")


@dataclass
class Site:
    """A shop whose pages are at `link`. Its event loop runs in a thread of its own."""

    link: str
    shop: Shop
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[None, None, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_MS / 1000)


@contextmanager
def open_site(store: str, fill_shop: Callable[[Shop], Coroutine[None, None, None]] = fill) -> Iterator[Site]:
    found: list[Site] = []
    is_ready, is_over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with open_shop(store) as shop:
            await fill_shop(shop)
            async with served(shop.sagas, "127.0.0.1:0") as link:
                found.append(Site(link, shop, asyncio.get_running_loop()))
                is_ready.set()
                await is_over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert is_ready.wait(WAIT_MS / 1000), "the shop does not open"
        yield found[0]
    finally:
        for site in found:
            site.loop.call_soon_threadsafe(is_over.set)
        thread.join()
        memory.forget(store)


@contextmanager
def open_browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path is not None, f"no browser is installed: none of {', '.join(BROWSERS)}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Reader:
    """A person who looks at pages. `complaints`: what the browser said that no page may make it say."""

    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> None:
        self.page.goto(self.site.link + path)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def sees(self, text: str) -> None:
        """Waits until the text is on the page."""
        self.page.get_by_text(text).first.wait_for()

    def hears_news(self) -> None:
        """Makes the page ask at once, as it does when its tab is shown again."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def is_at(self, path: str) -> None:
        """Waits until the address begins with this path."""
        self.page.wait_for_url(lambda url: url.startswith(self.site.link + path))


@contextmanager
def reading(
    browser: Browser,
    site: Site,
    theme: Theme = "light",
    size: tuple[int, int] = WIDE,
    zone: str = "UTC",
    *,
    may_fail: bool = False,
) -> Iterator[Reader]:
    """A reader with a fresh browser profile. At the end the browser must not have complained of anything.

    `may_fail`: except of an answer with an error, or of none, which every browser writes on its console.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, timezone_id=zone, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    reader = Reader(context.new_page(), site)
    _listen(context, reader)
    yield reader
    context.close()
    assert [each for each in reader.complaints if not (may_fail and any(map(each.__contains__, FAILURES)))] == []


def _listen(context: BrowserContext, reader: Reader) -> None:
    host = urlsplit(reader.site.link).netloc

    def on_console(message: ConsoleMessage) -> None:
        reader.complaints.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if urlsplit(request.url).netloc != host:
            reader.complaints.append(f"another host: {request.url}")

    context.on("console", on_console)
    context.on("request", on_request)
    context.on("weberror", lambda error: reader.complaints.append(f"error: {error.error}"))
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.blockedURI}`));"
    )
