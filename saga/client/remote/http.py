"""Requests to the API. Each may be repeated, so one whose answer was lost is sent again."""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Generator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from saga.client.remote.refusals import refusal_of
from saga.errors import Closed, SagaError, Unavailable, UsageError

REQUEST_SECONDS_MAX: Final = 30.0
"""Time in which a request is begun again, as long as it has no answer. After that Unavailable is raised."""
ATTEMPT_SECONDS: Final = 10.0
"""Time without a byte of the answer, after which a request is sent again."""
CONNECT_SECONDS: Final = 5.0
"""Time for a network connection. `connect` also raises Unavailable if there is no answer in that time."""
PAUSE_FIRST_SECONDS: Final = 0.1
PAUSE_CAP_SECONDS: Final = 2.0
CONNECTIONS_MAX: Final = 200
"""Maximum number of network connections to the API."""
REPEATED: Final = frozenset((408, 429, 502, 503, 504))
"""Statuses after which a request is sent again: the API, or a proxy in front of it, cannot answer now."""
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

Answer = Mapping[str, Any]


class Api:
    """The HTTP API of an installation. Every request raises the errors of `refusal_of`. `place` is its address, for messages."""

    def __init__(self, client: httpx.AsyncClient, place: str) -> None:
        self._client = client
        self.place = place

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        wait: float = 0,
        within: float | None = None,
    ) -> Answer:
        """Reads a document. `wait`: seconds for which the API was asked to wait; `within`: seconds for everything else."""
        within = REQUEST_SECONDS_MAX if within is None else within
        seconds = min(ATTEMPT_SECONDS, within) + wait
        request = self._client.build_request("GET", path, params=params, timeout=_timeout(seconds))
        return await self._answer(request, within + wait)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Sends a document in JSON. The request must be one that may be repeated."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        request = self._client.build_request(
            "POST", path, content=body, headers=sent, timeout=_timeout(ATTEMPT_SECONDS)
        )
        return await self._answer(request, REQUEST_SECONDS_MAX)

    async def _answer(self, request: httpx.Request, seconds: float) -> Answer:
        clock = asyncio.get_running_loop().time
        until, pause = clock() + seconds, PAUSE_FIRST_SECONDS
        while True:
            try:
                return await self._attempt(request)
            except _Again as again:
                delay = max(pause * random.uniform(0.5, 1), again.after_seconds)  # noqa: S311 (jitter)
                if clock() + delay >= until:
                    raise again.error from again.error.__cause__
            await asyncio.sleep(delay)
            pause = min(2 * pause, PAUSE_CAP_SECONDS)

    async def _attempt(self, request: httpx.Request) -> Answer:
        if self._client.is_closed:
            raise Closed(f"the connection to {self.place} was closed")
        try:
            answer = await self._client.send(request)
        except httpx.TransportError as error:
            raise self._unanswered(request, error) from error
        if answer.status_code in REPEATED:
            raise _Again(refusal_of(answer, self.place), _retry_after(answer))
        if not answer.is_success:
            raise refusal_of(answer, self.place)
        return self._document(answer)

    def _unanswered(self, request: httpx.Request, error: httpx.TransportError) -> Exception:
        if (fault := _certificate_fault(error)) is not None:
            return UsageError(f"the certificate of {self.place} is not trusted here: {fault}")
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        unknown = "" if request.method == "GET" else "; whether the request was carried out is unknown, so repeat it"
        return _Again(Unavailable(f"{self.place} does not answer ({said}){unknown}"))

    def _document(self, answer: httpx.Response) -> Answer:
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise UsageError(
                f"{self.place} answers something else than JSON, as no API of Saga does: check the address"
            )
        return found


class Bearer(httpx.Auth):
    """Adds the token to each request. Nothing that is printed has its text."""

    def __init__(self, token: str) -> None:
        if _TOKEN.fullmatch(token) is None:
            raise UsageError(
                "token= is empty or has spaces or other odd characters: give the line that saga token create printed"
            )
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class _Again(Exception):
    """A failure after which the same request may succeed. `error`: what the caller gets if it does not."""

    def __init__(self, error: SagaError, after_seconds: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_seconds = after_seconds


def http_client(url: str, token: str | None) -> httpx.AsyncClient:
    """A client for the API at this URL, which ends before /v1. Raises UsageError."""
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    auth = None if token is None else Bearer(token)
    return httpx.AsyncClient(base_url=checked_url(url), auth=auth, limits=limits)


def checked_url(url: str) -> str:
    """The URL of an API, without its last slash. Raises UsageError, in whose text there is no password."""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        is_whole = False
        parts = urlsplit("")
    if not is_whole:
        raise UsageError(
            "api= is the URL of an API, as saga api prints it: https://saga.example.com or http://127.0.0.1:7420"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            "api= has more than an address in it: give the token as token=, and neither a user nor a query"
        )
    return url.rstrip("/")


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _certificate_fault(error: BaseException | None) -> str | None:
    """The reason why the certificate of the other side was refused; None if that was not it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None
