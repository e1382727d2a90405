"""Pages: the compressed bytes of each page, with the scripts and the style sheet that it loads."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import saga
from bench.api.filled import fill
from bench.api.http import Http, connected
from bench.api.row import SMALL, Found, Run
from bench.api.served import api
from bench.environment.own_process import Line, child
from bench.measurement import NotMeasured
from bench.shop.busy import busy
from bench.shop.order import order_of

NAME = "pages"
KILOBYTES_MOST = 60.0
LINK = re.compile(r'<a [^>]*href="([^"]*)"')
LOADED = re.compile(r'<(?:script|link|img)\b[^>]* (?:src|href)="([^"]*)"')
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VALUE = re.compile(r"=(?!timeline|history|data|audit|steps)[^&]*")
READY_SECONDS_MAX = 60.0
PAGES_MAX = 200
HTTP_OK = 200
GZIP = {"Accept-Encoding": "gzip"}


def measure(run: Run) -> Iterator[Found]:
    """Yields the kilobytes of the largest page of each kind, of all that can be reached from the first one by links."""
    url = run.server.fresh("pages")
    fill(url, SMALL)
    with (
        tempfile.TemporaryDirectory() as folder,
        child(Path(folder) / "shop.log", serve_long, url) as shop,
        api(url) as served,
    ):
        long = str(shop.receive(READY_SECONDS_MAX))
        run.say("pages: following the links")
        sizes = asyncio.run(_crawled(served.link, ["/", "/docs", f"/sagas/{long}"]))
    for kind, size in sorted(sizes.items()):
        yield Found(kind, [size / 1000], most=KILOBYTES_MOST)


async def serve_long(line: Line, url: str) -> None:
    """The main coroutine of a process with a saga of many steps, which it says the id of."""
    definition, participants = busy()
    async with saga.connect(store=url, name="shop") as app, app.serve(*participants):
        await app.register(definition)
        line.say(str((await app.start(definition, order_of(1))).id))
        await line.receive()


async def _crawled(link: str, first: list[str]) -> dict[str, float]:
    """Follows the links, one page of a kind after the other. Returns the bytes of the largest page of each kind."""
    sizes, assets, seen = dict[str, float](), dict[str, int](), set[str]()
    waiting = list(first)
    async with connected(link) as plain, connected(link) as compressed:
        while waiting and len(seen) < PAGES_MAX:
            path = waiting.pop(0)
            if path in seen or (kind_of(path) in sizes and ID.search(path) is None):
                continue
            seen.add(path)
            answer = await plain.get(path)
            text = answer.body.decode()
            if answer.status != HTTP_OK or "text/html" not in answer.headers["content-type"]:
                continue
            loaded = [path_of(path, found) for found in LOADED.findall(text)]
            for asset in set(loaded) - assets.keys():
                assets[asset] = await _size(compressed, asset)
            size = await _size(compressed, path) + sum(assets[asset] for asset in set(loaded))
            sizes[kind_of(path)] = max(size, sizes.get(kind_of(path), 0))
            waiting += [path_of(path, found) for found in LINK.findall(text)]
    return sizes


async def _size(http: Http, path: str) -> int:
    answer = await http.get(path, GZIP)
    if answer.status != HTTP_OK:
        raise NotMeasured(f"{path} answers {answer.status}")
    return len(answer.body)


def path_of(page: str, found: str) -> str:
    """The path of a link, which is relative to its page. Links elsewhere, of which there should be none, are left as they are."""
    parts = urlsplit(urljoin(f"http://here{page}", unescape(found)))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def kind_of(path: str) -> str:
    return VALUE.sub("=*", ID.sub("ID", path))
