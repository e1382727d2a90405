"""Checks every request before a route sees it: the size, depth and type of its body, and the site that it comes from."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saga.api.principals import SAFE
from saga.api.problems import FORBIDDEN, TOO_LARGE, USAGE, WRONG_MEDIA_TYPE, Problem

BODY_BYTES_MAX: Final = 512 * 1024
DEPTH_MAX: Final = 64
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Refuses requests that no route should see, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        state = scope.setdefault("state", {})

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if (rate_limit := state.get("rate_limit")) is not None:
                    headers["RateLimit"] = rate_limit
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            _check_address(scope)
            checked = receive if scope["method"] in SAFE else await _checked(scope, receive)
        except Problem as problem:
            await problem.response()(scope, receive, with_headers)
            return
        await self._app(scope, checked, with_headers)


def _check_address(scope: Scope) -> None:
    """No text of a saga has the character NUL, and the store takes none."""
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise Problem(USAGE, "the address contains the character NUL")


async def _checked(scope: Scope, receive: Receive) -> Receive:
    """Reads the body of a change and checks it. Returns a `receive` that has it. Raises Problem."""
    headers = Headers(scope=scope)
    _check_origin(headers)
    body = await _body(headers, receive)
    is_ours = scope["path"].removeprefix(scope.get("root_path", "")).startswith("/v1/")
    if body and is_ours:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem(WRONG_MEDIA_TYPE, "send the body as JSON, with Content-Type: application/json")
        check_depth(body)
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _check_origin(headers: Headers) -> None:
    """A page of another site must not act with the rights of its reader."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    is_foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    if is_foreign or site not in ("same-origin", "none"):
        raise Problem(
            FORBIDDEN, "a page of another site sent this request: changes are taken from the same origin only"
        )


async def _body(headers: Headers, receive: Receive) -> bytes:
    length = headers.get("content-length", "0")
    parts, size = list[bytes](), int(length) if length.isascii() and length.isdigit() else 0
    is_complete, read = False, 0
    while not is_complete and size <= BODY_BYTES_MAX:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        read += len(part)
        size = max(size, read)
        is_complete = not message.get("more_body", False)
    if size > BODY_BYTES_MAX:
        raise Problem(TOO_LARGE, f"a body has at most {BODY_BYTES_MAX:,} bytes")
    return b"".join(parts)


def check_depth(body: bytes) -> None:
    """Raises Problem if JSON is nested too deep. The text may be anything: JSON is read after that."""
    depth = 0
    for found in _TOKEN.finditer(body):
        token = found[0]
        depth += (token in b"[{") - (token in b"]}") if len(token) == 1 else 0
        if depth > DEPTH_MAX:
            raise Problem(TOO_LARGE, f"JSON may be nested {DEPTH_MAX} levels deep, not deeper")
