"""One ZooKeeper session, for asyncio. kazoo works on threads of its own; their callbacks are forwarded to the event loop.

A session belongs to one candidacy. kazoo would replace an expired session by a new one; here it is over. kazoo would also keep a session
alive for ever while the event loop hangs; here it ends when the time of `live_for` has passed.
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
_silent.setLevel(logging.CRITICAL)  # kazoo logs each attempt to connect; what matters is in the errors


class SessionOver(Exception):
    """The ensemble has ended the session and deleted every node that belongs to it."""

    def __init__(self) -> None:
        super().__init__("the session has expired")


class Session:
    """A session from `open` to `end`. Calls raise SessionOver, Unavailable, AccessRefused, NotFound."""

    def __init__(self, options: Options) -> None:
        if options.user and options.auth == SASL and importlib.util.find_spec("puresasl") is None:
            raise MissingDriver("zookeeper:// with SASL needs the library pure-sasl. Run: pip install pure-sasl")
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._connected = asyncio.Event()
        self._is_over = False
        self._ended = asyncio.Event()
        self._end_changed = threading.Condition()
        self._ends_at = math.inf
        self._client = KazooClient(
            hosts=options.hosts + options.root,
            timeout=options.session_seconds,
            connection_retry=RECONNECT,
            logger=_silent,
            **_credentials(options),
        )
        self._client.add_listener(self._on_state)
        self._granted = _Granted(self._client)

    @property
    def seconds(self) -> float:
        """The time for which the ensemble keeps a silent session: it may grant less or more than the URL asks for."""
        return self._granted.seconds or self._options.session_seconds

    def _on_state(self, state: str) -> None:
        """Called on a thread of kazoo."""
        if state == KazooState.LOST:
            self._is_over = True
        elif state == KazooState.CONNECTED:
            self.call_on_loop(self._connected.set)

    def call_on_loop(self, callback: Callable[[], None]) -> None:
        """Calls back on the event loop, from a thread of kazoo; does nothing if the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    async def open(self, timeout: float) -> None:
        self._client.start_async()
        threading.Thread(target=self._wait_for_end, name="saga zookeeper session", daemon=True).start()
        try:
            async with asyncio.timeout(timeout):
                await self._connected.wait()
        except TimeoutError as error:
            raise self._unavailable("no answer") from error

    def live_for(self, seconds: float) -> None:
        """Ends the session after this many seconds, unless this is called again before."""
        self._end_at(time.monotonic() + seconds)

    def _end_at(self, moment: float) -> None:
        with self._end_changed:
            self._ends_at = -math.inf if self._ends_at == -math.inf else moment  # an end cannot be taken back
            self._end_changed.notify()

    def _wait_for_end(self) -> None:
        """Runs on a thread of its own: stopping kazoo waits for the server, and the event loop may hang."""
        with self._end_changed:
            while (left := self._ends_at - time.monotonic()) > 0:
                self._end_changed.wait(min(left, threading.TIMEOUT_MAX))
        self._is_over = True
        with contextlib.suppress(Exception):  # the session is over in any case
            self._client.stop()
            self._client.close()
        self.call_on_loop(self._ended.set)

    async def end(self) -> None:
        """Ends the session and deletes its nodes. Does not wait for a silent server."""
        self._end_at(-math.inf)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_SECONDS):
                await self._ended.wait()

    async def create_lasting(self, path: str, timeout: float) -> None:
        """Creates a node that outlives the session, and its missing ancestors."""
        ancestor = ""
        for name in path.strip("/").split("/"):
            ancestor += f"/{name}"
            with contextlib.suppress(NodeExistsError):
                await self._answer(self._client.create_async(ancestor, b"", self._access()), timeout)

    async def create_numbered(self, prefix: str, value: bytes, timeout: float) -> str:
        """Creates a node with the next number, which is deleted with the session. Returns its path."""
        creating = self._client.create_async(prefix, value, self._access(), ephemeral=True, sequence=True)
        return str(await self._answer(creating, timeout))

    def _access(self) -> list[ACL]:
        return list(OPEN_ACL_UNSAFE if not self._options.user else CREATOR_ALL_ACL)

    async def children(self, path: str, timeout: float) -> list[str]:
        """The names of a node's children, sorted."""
        return sorted(map(str, await self._answer(self._client.get_children_async(path), timeout)))

    async def creation(self, path: str, timeout: float, watch: Callable[[object], None] | None = None) -> int | None:
        """The id of the transaction that created a node; None if it does not exist.

        `watch` is called on a thread of kazoo when the node is deleted.
        """
        stat = await self._answer(self._client.exists_async(path, watch), timeout)
        return None if stat is None else int(stat.czxid)

    async def read(self, path: str, timeout: float) -> tuple[bytes, int]:
        """The value of a node, and the id of the transaction that changed it last."""
        value, stat = await self._answer(self._client.get_async(path), timeout)
        return bytes(value), int(stat.mzxid)

    async def try_write(self, path: str, value: bytes, *, guard: str, deletes_guard: bool, timeout: float) -> bool:
        """Writes a node if the node `guard` exists; `deletes_guard` deletes that with it. Returns whether a majority did."""
        request = TransactionRequest(self._client)
        request.check(guard, ANY_VERSION)
        request.set_data(path, value)
        if deletes_guard:
            request.delete(guard)
        results = await self._answer(request.commit_async(), timeout)
        failures = [result for result in results if isinstance(result, Exception)]
        for failure in failures:
            if not isinstance(failure, NoNodeError | RolledBackError | RuntimeInconsistency):
                raise self._translated(failure) from failure
        return not failures

    async def _answer(self, result: IAsyncResult, timeout: float) -> IAsyncResult:
        answered = asyncio.Event()
        result.rawlink(lambda _: self.call_on_loop(answered.set))
        if self._is_over:
            raise SessionOver
        try:
            async with asyncio.timeout(timeout):
                await answered.wait()
        except TimeoutError as error:
            raise self._unavailable("no answer in time") from error
        if result.exception is None:
            return result.value
        if isinstance(result.exception, NodeExistsError):
            raise result.exception
        raise self._translated(result.exception) from result.exception

    def _translated(self, error: Exception) -> SagaError | SessionOver:
        if isinstance(error, SessionExpiredError):
            return SessionOver()
        if isinstance(error, NoNodeError):
            return NotFound(
                f"{self._options.place}: the node does not exist (any more); create the node of the URL's path"
            )
        if isinstance(error, AuthFailedError | NoAuthError):
            return AccessRefused(
                f"{self._options.place} answers but refuses ({_name(error)}): check user and password of the URL,"
                " `auth`, and the access list of the node /saga"
            )
        return self._unavailable(_name(error))

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(
            f"{self._options.place} cannot be reached or broke off ({reason}):"
            " check that a majority of its servers runs, and hosts and ports of the URL"
        )


class _Granted:
    """The granted length of the session. kazoo does not expose it: its connection returns it after the handshake."""

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
