"""One session, from asyncio: kazoo keeps threads of its own, and this hands over what they say.

A session belongs to one candidacy. kazoo would begin another one when it has expired; here it is over then. And kazoo would keep a
session alive for ever although nobody asks for it any more, because the event loop hangs: here it ends when `live_for` has run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Final

from kazoo.client import KazooClient, KazooState, TransactionRequest
from kazoo.exceptions import (
    AuthFailedError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
)
from kazoo.interfaces import IAsyncResult
from kazoo.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE

from saga.errors import AccessRefused, MissingDriver, NotFound, SagaError, Unavailable
from saga_zookeeper.options import SASL, Options

END_TIMEOUT_SECONDS: Final = 1.0
RECONNECT: Final = {"max_tries": -1, "delay": 0.05, "backoff": 2, "max_delay": 0.5}
ANY_VERSION: Final = -1
_silent: Final = logging.getLogger("saga.zookeeper.driver")
_silent.setLevel(logging.CRITICAL)  # it tells each attempt to connect; what matters is in our errors


class SessionOver(Exception):
    """The ensemble has ended the session, and with it every node that was tied to it."""

    def __init__(self) -> None:
        super().__init__("the session has expired")


class Session:
    """From `open` to `end`. Calls raise SessionOver, Unavailable, AccessRefused, NotFound."""

    def __init__(self, options: Options) -> None:
        if options.user and options.auth == SASL and importlib.util.find_spec("puresasl") is None:
            raise MissingDriver("zookeeper:// with SASL needs the library pure-sasl. Run: pip install pure-sasl")
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._connected = asyncio.Event()
        self._is_over = False
        self._ended = asyncio.Event()
        self._bell = threading.Condition()
        self._ends_at = math.inf
        self._client = KazooClient(
            hosts=options.hosts + options.root,
            timeout=options.session_seconds,
            connection_retry=RECONNECT,
            logger=_silent,
            **_credentials(options),
        )
        self._client.add_listener(self._heard)
        self._granted = _Granted(self._client)

    @property
    def seconds(self) -> float:
        """How long the ensemble keeps a session that is silent: it may grant less or more than what was asked for."""
        return self._granted.seconds or self._options.session_seconds

    def _heard(self, state: str) -> None:
        """Called on a thread of kazoo's."""
        if state == KazooState.LOST:
            self._is_over = True
        elif state == KazooState.CONNECTED:
            self.tell(self._connected.set)

    def tell(self, do: Callable[[], None]) -> None:
        """From a thread of kazoo's: do it on the event loop, if that is there still."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do)

    async def open(self, timeout: float) -> None:
        self._client.start_async()
        threading.Thread(target=self._wait_for_end, name="saga zookeeper session", daemon=True).start()
        try:
            async with asyncio.timeout(timeout):
                await self._connected.wait()
        except TimeoutError as error:
            raise self._away("it does not answer") from error

    def live_for(self, seconds: float) -> None:
        """The session ends by itself in so many seconds, unless this is called again before."""
        self._end_at(time.monotonic() + seconds)

    def _end_at(self, moment: float) -> None:
        with self._bell:
            self._ends_at = -math.inf if self._ends_at == -math.inf else moment  # there is no way back
            self._bell.notify()

    def _wait_for_end(self) -> None:
        """On a thread of its own: stopping kazoo waits for the server, and a loop that hangs cannot do it."""
        with self._bell:
            while (left := self._ends_at - time.monotonic()) > 0:
                self._bell.wait(min(left, threading.TIMEOUT_MAX))
        self._is_over = True
        with contextlib.suppress(Exception):  # it is over one way or the other
            self._client.stop()
            self._client.close()
        self.tell(self._ended.set)

    async def end(self) -> None:
        """Give the session back, with all that was tied to it; a silent server is not waited for."""
        self._end_at(-math.inf)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_SECONDS):
                await self._ended.wait()

    async def make(self, path: str, timeout: float) -> None:
        """Make a lasting node, and what is missing above it."""
        made = ""
        for name in path.strip("/").split("/"):
            made += f"/{name}"
            with contextlib.suppress(NodeExistsError):
                await self._answer(self._client.create_async(made, b"", self._access()), timeout)

    async def enter(self, prefix: str, value: bytes, timeout: float) -> str:
        """Make a node that ends with the session, under the next number; returns its path."""
        made = self._client.create_async(prefix, value, self._access(), ephemeral=True, sequence=True)
        return str(await self._answer(made, timeout))

    def _access(self) -> list[ACL]:
        return list(OPEN_ACL_UNSAFE if not self._options.user else CREATOR_ALL_ACL)

    async def children(self, path: str, timeout: float) -> list[str]:
        return sorted(map(str, await self._answer(self._client.get_children_async(path), timeout)))

    async def born(self, path: str, timeout: float, watch: Callable[[object], None] | None = None) -> int | None:
        """The number of the change that made a node, None where it is not there. `watch` is called when it goes, on a thread of kazoo's."""
        stat = await self._answer(self._client.exists_async(path, watch), timeout)
        return None if stat is None else int(stat.czxid)

    async def read(self, path: str, timeout: float) -> tuple[bytes, int]:
        """A node's value, and the number of its last change."""
        value, stat = await self._answer(self._client.get_async(path), timeout)
        return bytes(value), int(stat.mzxid)

    async def write(self, path: str, value: bytes, *, guard: str, ends_guard: bool, timeout: float) -> bool:
        """Write a node if the node `guard` is there, and end that if asked; say whether it was. A majority has agreed."""
        request = TransactionRequest(self._client)
        request.check(guard, ANY_VERSION)
        request.set_data(path, value)
        if ends_guard:
            request.delete(guard)
        results = await self._answer(request.commit_async(), timeout)
        failures = [result for result in results if isinstance(result, Exception)]
        for failure in failures:
            if not isinstance(failure, NoNodeError | RolledBackError | RuntimeInconsistency):
                raise self._translated(failure) from failure
        return not failures

    async def _answer(self, asked: IAsyncResult, timeout: float) -> IAsyncResult:
        answered = asyncio.Event()
        asked.rawlink(lambda _: self.tell(answered.set))
        if self._is_over:
            raise SessionOver
        try:
            async with asyncio.timeout(timeout):
                await answered.wait()
        except TimeoutError as error:
            raise self._away("it does not answer in time") from error
        if asked.exception is None:
            return asked.value
        if isinstance(asked.exception, NodeExistsError):
            raise asked.exception
        raise self._translated(asked.exception) from asked.exception

    def _translated(self, error: Exception) -> SagaError | SessionOver:
        if isinstance(error, SessionExpiredError):
            return SessionOver()
        if isinstance(error, NoNodeError):
            return NotFound(f"{self._options.place}: there is no such node (any more); one above ours is made by hand")
        if isinstance(error, AuthFailedError | NoAuthError):
            return AccessRefused(
                f"{self._options.place} answers but refuses ({_name(error)}): check user and password of the URL,"
                " `auth`, and the access list of the node /saga"
            )
        return self._away(_name(error))

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            f"{self._options.place} cannot be reached or broke off ({why}):"
            " check that a majority of its servers runs, and hosts and ports of the URL"
        )


class _Granted:
    """The length of the session. kazoo keeps it to itself: it is what its connection returns after the handshake."""

    def __init__(self, client: KazooClient) -> None:
        self.seconds = 0.0
        connection = client._connection  # noqa: SLF001
        shake_hands = connection._connect  # noqa: SLF001

        def connect(*address: object) -> tuple[float, float]:
            read_timeout_ms, connect_timeout_ms = shake_hands(*address)
            self.seconds = connect_timeout_ms * len(client.hosts) / 1000
            return read_timeout_ms, connect_timeout_ms

        connection._connect = connect  # noqa: SLF001


def _credentials(options: Options) -> dict[str, object]:
    if not options.user:
        return {}
    if options.auth == SASL:
        sasl = {"mechanism": "DIGEST-MD5", "username": options.user, "password": options.password}
        return {"sasl_options": sasl}
    return {"auth_data": [("digest", f"{options.user}:{options.password}")]}


def _name(error: Exception) -> str:
    return str(error) or type(error).__name__
