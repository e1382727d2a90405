"""The pages as the server answers them: complete, escaped, below any prefix, small, and with a sentence where something is wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request

import saga.api
from saga import memory
from saga.api.principals import Principal, Role
from saga.api.ui.assets import assets
from saga.errors import Unavailable
from tests.api.conftest import LOCAL
from tests.api.ui.shop import STUCK, Shop, fill, open_shop

PAGE_BYTES_MAX = 60 * 1024
LISTS = (
    "/stuck",
    "/stuck?by=service",
    "/definitions",
    "/services",
    "/waits",
    "/audit",
    "/?q=is:stuck",
    "/?q=step.charge:succeeded",
)
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop("memory://pages") as opened:
        await fill(opened)
        yield opened
    memory.forget("memory://pages")


def client(shop: Shop, role: Role | None = Role.OPERATOR, prefix: str = "") -> httpx.AsyncClient:
    async def who(_: Request) -> Principal | None:
        return None if role is None else Principal("mira", role, "test")

    outer = FastAPI(docs_url=None, openapi_url=None)
    outer.mount(prefix or "/", saga.api.asgi(shop.sagas, principal=who))
    return httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url=LOCAL + prefix)


class Parsed(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def links(self) -> list[str]:
        return [value for _, attrs in self.elements for name in ("href", "src", "action") if (value := attrs.get(name))]


def paths(shop: Shop) -> list[str]:
    stuck, done = shop.ids["order-1017"], shop.ids["order-1001"]
    tabs = [f"/sagas/{stuck}?tab={tab}" for tab in ("timeline", "history", "data", "audit")]
    tabs.append(f"/sagas/{stuck}?action=retry&step=charge")
    return ["/", "/docs", *tabs, f"/sagas/{done}", "/sagas/order:order-1012", *LISTS, "/definitions/order?version=1"]


async def texts_of(shop: Shop, *wanted: str) -> list[str]:
    async with client(shop) as pages:
        return [(await pages.get(path)).text for path in wanted]


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_page_is_complete_and_needs_nothing_inline(shop: Shop) -> None:
    async with client(shop) as pages:
        for path in paths(shop):
            answer = await pages.get(path)
            parsed = Parsed(answer.text)

            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert (
                answer.headers["content-security-policy"]
                == "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            )
            assert answer.text.rstrip().endswith("</html>")
            for tag, attrs in parsed.elements:
                assert "style" not in attrs, path
                assert not [name for name in attrs if name.startswith("on")], path
                assert tag != "script" or attrs.get("src"), path


async def test_every_page_can_be_read_by_a_screen_reader(shop: Shop) -> None:
    """One heading of the page, unique ids, a name for each field, each picture and each landmark."""
    async with client(shop) as pages:
        for path in paths(shop):
            elements = Parsed((await pages.get(path)).text).elements
            ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
            labelled = {attrs.get("for") for tag, attrs in elements if tag == "label"}
            fields = [
                attrs for tag, attrs in elements if tag in {"input", "textarea"} and attrs.get("type") != "hidden"
            ]

            assert [tag for tag, _ in elements].count("h1") == 1, path
            assert len(ids) == len(set(ids)), path
            assert all(attrs.get("aria-label") or attrs.get("id") in labelled for attrs in fields), path
            assert all("aria-label" in attrs for tag, attrs in elements if tag in {"svg", "nav"}), path
            assert dict(elements)["html"]["lang"] == "en"


async def test_every_page_with_all_that_it_loads_is_small(shop: Shop) -> None:
    async with client(shop) as pages:
        loaded = sum(len(asset.compressed) for name, asset in assets().items() if not name.endswith(".txt"))
        for path in paths(shop):
            async with pages.stream("GET", path) as answer:
                size = sum([len(chunk) async for chunk in answer.aiter_raw()])

            assert answer.headers["content-encoding"] == "gzip"
            assert size + loaded <= PAGE_BYTES_MAX, path


async def test_no_link_leaves_the_prefix_and_every_link_leads_somewhere(shop: Shop) -> None:
    async with client(shop, prefix="/tools/saga") as pages:
        seen = set[str]()
        for path in paths(shop):
            answer = await pages.get(path)
            for link in Parsed(answer.text).links():
                target = answer.url.join(link)
                assert str(target).startswith(f"{LOCAL}/tools/saga/"), link
                seen.add(str(target).partition("#")[0])
        for link in sorted(seen):
            assert (await pages.get(link)).status_code == 200, link


async def test_the_stuck_saga_says_what_it_waits_for(shop: Shop) -> None:
    (text,) = await texts_of(shop, "/sagas/order:order-1017")

    assert "It is rolling back because of pack: item damaged, and waits for an operator" in text
    assert "Nothing happens without an operator." in text
    assert "saga retry" in text
    assert "↶ 2 quarantined, 1 failure" in text
    assert "stands, compensation quarantined" in text


async def test_an_unknown_tab_is_the_first_one(shop: Shop) -> None:
    first, odd = await texts_of(shop, *[f"/sagas/order:order-1001?tab={tab}" for tab in ("timeline", "nonsense")])

    assert "in the queue" in first
    assert odd.count("<svg") == first.count("<svg")
    assert 'class="card">\nNone' not in odd


async def test_stuck_sagas_are_grouped_by_what_stopped_them(shop: Shop) -> None:
    text, by_service = await texts_of(shop, "/stuck", "/stuck?by=service")

    assert f">{STUCK}</div>" in text
    assert "provider answers #" in text
    assert "payments: 1 process alive" in text
    assert "q=is%3Astuck+definition%3Aorder+step%3Acharge" in text
    assert "mail: 1 process alive" in by_service


async def test_services_show_who_serves_them_and_what_is_wrong(shop: Shop) -> None:
    (text,) = await texts_of(shop, "/services")

    assert "No supervisor leads." in text
    assert "nobody leads" in text
    assert "<code>charge</code>" in text


async def test_waits_are_ordered_by_when_they_end_by_themselves(shop: Shop) -> None:
    (text,) = await texts_of(shop, "/waits")

    assert text.index("which runs step label") < text.index("the next attempt of step ship")
    assert "order-1012" in text
    assert "the compensation of step charge" not in text
    assert f"{STUCK + 1} more</a> need a person" in text


async def test_an_id_or_a_key_in_the_search_box_leads_to_its_saga(shop: Shop) -> None:
    saga = shop.ids["order-1001"]
    async with client(shop, prefix="/tools") as pages:
        for q in (saga, "order:order-1001"):
            answer = await pages.get("/", params={"q": q})

            assert answer.status_code == 303
            assert str(answer.url.join(answer.headers["location"])).endswith(f"/tools/sagas/{saga}")


async def test_a_long_list_has_pages(shop: Shop) -> None:
    for number in range(55):
        await shop.start(f"many-{number:02}", "lamp")
    async with client(shop) as pages:
        first = await pages.get("/?q=key:many-*")
        following = re.search(r'rel="next" href="([^"]+)"', first.text)
        assert following is not None
        second = await pages.get(unescape(following[1]))

    found = [set(re.findall(r"many-\d\d(?=</code>)", page.text)) for page in (first, second)]
    assert [len(keys) for keys in found] == [50, 5]
    assert not found[0] & found[1]


async def test_texts_from_a_saga_are_escaped(shop: Shop) -> None:
    await shop.start(f"<{HOSTILE}>", HOSTILE)
    shop.faults["reserve", HOSTILE] = ConnectionError(HOSTILE)
    await shop.until(f"<{HOSTILE}>", lambda detail: bool(detail.state.vector))
    async with client(shop) as pages:
        for path in ("/", f"/sagas/{shop.ids[f'<{HOSTILE}>']}?tab=data", f"/?q={HOSTILE}"):
            parsed = Parsed((await pages.get(path)).text)
            assert "img" not in [tag for tag, _ in parsed.elements]
            assert not [attrs for tag, attrs in parsed.elements if tag == "script" and not attrs.get("src")]


async def test_a_viewer_sees_no_payloads(shop: Shop) -> None:
    async with client(shop, Role.VIEWER) as pages:
        text = (await pages.get("/sagas/order:order-1017?tab=data")).text

    assert "broken" not in text
    assert "hidden:" in text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?q=color:red", 400, "there is no"),
        ("/?q=phase:red", 400, "is not one of"),
        ("/?cursor=abc", 400, "cursor"),
        ("/sagas/order:nope", 404, "saga of"),
        ("/sagas/0197f1fe-0000-7000-8000-000000000000", 404, "audit"),
        ("/sagas/nonsense", 400, "is not a saga"),
        ("/definitions/ordr", 404, "Did you mean"),
        ("/definitions/order?version=x", 400, "whole number"),
        ("/definitions/order?version=99", 404, "99"),
        (f"/definitions/order?version={'9' * 5000}", 400, "whole number"),
        (f"/audit?before={'9' * 5000}", 400, "line of the audit"),
    ],
)
async def test_what_is_not_there_is_a_page_that_says_so(shop: Shop, path: str, status: int, words: str) -> None:
    async with client(shop) as pages:
        answer = await pages.get(path)

    assert answer.status_code == status
    assert "<!doctype html>" in answer.text
    assert words in answer.text


async def test_only_a_saga_is_said_to_be_deleted_by_retention(shop: Shop) -> None:
    async with client(shop) as pages:
        saga, definition = await pages.get("/sagas/order:nope"), await pages.get("/definitions/ordr")

    assert "retention" in saga.text
    assert "retention" not in definition.text


async def test_an_error_is_shown_without_passwords_and_invisible_characters(shop: Shop) -> None:
    async def who(_: Request) -> Principal | None:
        raise Unavailable("cannot reach postgresql://ann:canary@db/saga \u202e")

    transport = httpx.ASGITransport(saga.api.asgi(shop.sagas, principal=who))
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as pages:
        answers = [await pages.get(path) for path in ("/", "/v1/sagas")]

    assert [answer.status_code for answer in answers] == [503, 503]
    for answer in answers:
        assert "ann:***@db" in answer.text
        assert "canary" not in answer.text
        assert "\u202e" not in answer.text


async def test_a_missing_role_is_named(shop: Shop) -> None:
    async with client(shop, Role.STARTER) as pages:
        answer = await pages.get("/")

    assert answer.status_code == 403
    assert "role needed" in answer.text
    assert "viewer" in answer.text


async def test_a_request_without_a_token_is_told_what_to_send(shop: Shop) -> None:
    async with client(shop, None) as pages:
        answer = await pages.get("/")

    assert answer.status_code == 401
    assert "Sign in at the application" in answer.text


async def test_the_events_of_a_saga_are_for_those_who_may_see_it(shop: Shop) -> None:
    path = f"/sagas/{shop.ids['order-1001']}/events"
    async with client(shop, Role.VIEWER) as pages, client(shop, None) as outside:
        answer, refused = await pages.get(path), await outside.get(path)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: end" in answer.text
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")


async def test_files_are_kept_by_browsers_until_they_change(shop: Shop) -> None:
    async with client(shop) as pages:
        version = re.search(r"saga\.css\?v=(\w+)", (await pages.get("/")).text)
        answer = await pages.get("/static/saga.css")
        plain = await pages.get("/static/saga.css", headers={"Accept-Encoding": "identity"})
        missing = await pages.get("/static/../assets.py")

    assert version is not None
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == plain.text
    assert missing.status_code == 404


async def test_times_are_in_the_readers_zone(shop: Shop) -> None:
    async with client(shop) as pages:
        far = await pages.get("/", headers={"Cookie": "saga_zone=Asia/Tokyo; saga_theme=dark"})
        odd = await pages.get("/", headers={"Cookie": "saga_zone=../../etc/passwd; saga_theme=pink"})

    assert "times: Asia/Tokyo" in far.text
    assert 'data-theme="dark"' in far.text
    assert "times: UTC" in odd.text
    assert "data-theme" not in odd.text
