"""One connection to one server, and the requests to JetStream over it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any, Final, Self, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoServersError, SecureConnRequiredError

from saga.errors import AccessRefused, Closed, SagaError, Unavailable
from saga_nats.failures import Answer, answered, translated, translation
from saga_nats.nkey import UserKey
from saga_nats.options import Options

CONNECT_SECONDS: Final = 3.0
"""Timeout of each stage of connecting to one server."""
REQUEST_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 2.0
PING_SECONDS: Final = 5
PINGS_MAX: Final = 2
"""A connection on which that many pings were not answered is closed."""
UNLIMITED: Final = 0
API: Final = "$JS.API."
NO_RESPONDERS: Final = "503"
STATUS: Final = "Status"
_DENIED: Final = "permissions violation"

Result = TypeVar("Result")
Handler = Callable[[Msg], Awaitable[None]]

_log = logging.getLogger(__name__)


class NatsClient(Client):
    """The driver's client, which would send a password in clear text to a server that offers no TLS."""

    def __init__(self, *, is_tls: bool, key: UserKey | None) -> None:
        super().__init__()
        self._is_tls = is_tls
        self._public_nkey = key.public if key is not None else None

    def _connect_command(self) -> bytes:
        if self._is_tls and not self._server_info.get("tls_required"):
            raise SecureConnRequiredError
        return super()._connect_command()


class Link:
    """A connection that is used until it breaks, and then replaced by its owner.

    The driver's own reconnecting is switched off: it keeps what was sent into a broken connection, and leaves pull requests that no
    server knows any more. A task that waits over a link fails when the link breaks, or when the
    server refuses one of the task's subjects.
    """

    def __init__(self, options: Options, client: NatsClient) -> None:
        self.options = options
        self.client = client
        self.failure: SagaError | None = None
        """The reason why the link is broken; None while it works."""
        self._waiting: dict[asyncio.Future[Any], frozenset[str]] = {}
        self._last_error: Exception | None = None

    @classmethod
    async def open(cls, options: Options, name: str) -> Self:
        """Connects to the first server that accepts, in random order. Raises AccessRefused, Unavailable, UsageError."""
        failures: list[SagaError] = []
        for server in random.sample(options.servers, len(options.servers)):
            key = options.user_key()
            link = cls(options, NatsClient(is_tls=options.is_tls, key=key))
            try:
                with translated(options.place):
                    await link._connect(server, name, {**options.client(), **_signing(key)})
            except AccessRefused:
                raise
            except Unavailable as error:
                failures.append(error)
            else:
                return link
        raise failures[-1]

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        """Calls the handler with each message of a subject, one after the other. Raises Unavailable."""
        with translated(self.options.place):
            return await self.client.subscribe(
                subject, cb=handler, pending_msgs_limit=UNLIMITED, pending_bytes_limit=UNLIMITED
            )

    async def ask(self, endpoint: str, request: Answer | None = None) -> Answer:
        """The answer of JetStream. Raises NotFound, UsageError, AccessRefused, Unavailable."""
        subject = API + endpoint
        body = json.dumps(request).encode() if request else b""
        with translated(self.options.place):
            message = await self.until_refused(self.client.request(subject, body, timeout=REQUEST_SECONDS), {subject})
            answer: Answer = json.loads(message.data)
        if "error" in answer:
            raise answered(answer["error"], self.options.place)
        return answer

    async def until_refused(self, work: Awaitable[Result], subjects: Collection[str]) -> Result:
        """Awaits work that sends to these subjects; raises at once if the server refuses one of them, or if the link breaks."""
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(work)
        with self.failing(refused, subjects):
            try:
                await asyncio.wait((task, refused), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not task.done():
                    task.cancel()
                    await asyncio.wait((task,))
        if refused.done():
            task.cancelled() or task.exception()
            refused.result()
        refused.cancel()
        return await task

    @contextlib.contextmanager
    def failing(self, future: asyncio.Future[Any], subjects: Collection[str]) -> Iterator[None]:
        """Within the block, the future fails if the link breaks or the server refuses one of these subjects. Raises Unavailable."""
        if self.failure is not None:
            raise self.failure
        self._waiting[future] = frozenset(map(str.lower, subjects))
        try:
            yield
        finally:
            del self._waiting[future]

    def end(self, failure: SagaError) -> None:
        """Marks the link as broken, and fails everything that waits over it."""
        if self.failure is None:
            self.failure = failure
            self._fail(self._waiting, failure)

    async def close(self) -> None:
        """Closes the connection, within CLOSE_SECONDS even if the server is silent."""
        self.end(Closed("this connection was closed"))
        closing = asyncio.create_task(self.client.close())
        await asyncio.wait((closing,), timeout=CLOSE_SECONDS)
        if not closing.done():
            closing.cancel()
            await asyncio.wait((closing,))
        if not closing.cancelled() and (error := closing.exception()) is not None:
            _log.debug("nats: closing a connection: %r", error)
        self._abort()

    async def _connect(self, server: str, name: str, credentials: Mapping[str, Any]) -> None:
        client = self.client
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                await client.connect(
                    f"nats://{server}",
                    name=name,
                    error_cb=self._on_error,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=CONNECT_SECONDS,  # type: ignore[arg-type] # it only reaches wait_for
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=PINGS_MAX,
                    **credentials,
                )
        except BaseException as error:
            await self.close()
            if isinstance(error, NoServersError) and self._last_error is not None:
                raise self._last_error from error
            raise
        assert client._reading_task is not None  # noqa: SLF001, S101
        client._reading_task.add_done_callback(self._on_reading_ended)  # noqa: SLF001

    async def _on_error(self, error: Exception) -> None:
        """The driver calls this with every error. For a refused subject it is the only sign: the request itself gets no answer."""
        self._last_error, text = error, str(error)
        if _DENIED not in text:
            _log.debug("nats: %s: %r", self.options.place, error)
            return
        failure = translation(error, self.options.place)
        _log.warning("nats: %s", failure)
        waiting = (
            self._waiting
            if "subscription" in text
            else [w for w, names in self._waiting.items() if _is_in(text, names)]
        )
        self._fail(waiting, failure)

    def _on_reading_ended(self, _task: asyncio.Task[None]) -> None:
        """Ends the link with the driver's reading, also after an exception that the driver only logs."""
        error = self.client.last_error
        self.end(
            translation(error, self.options.place)
            if error is not None
            else Unavailable(f"{self.options.place} has ended the connection: check that the servers run")
        )

    def _fail(self, waiting: Collection[asyncio.Future[Any]], failure: SagaError) -> None:
        for future in tuple(waiting):
            if not future.done():
                future.set_exception(failure)

    def _abort(self) -> None:
        """Drops what a silent server has not taken: the driver's transport would wait for that."""
        writer = getattr(self.client._transport, "_bare_io_writer", None)  # noqa: SLF001
        if writer is not None:
            writer.transport.abort()


class Links:
    """The link of a bus, opened on first use and replaced when it is broken."""

    def __init__(self, options: Options, name: str) -> None:
        self.options = options
        self._name = name
        self._link: Link | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def opened(self) -> Link:
        """Raises AccessRefused, Unavailable, Closed."""
        async with self._opening:
            if self._is_closed:
                raise Closed("this bus was closed")
            if self._link is not None and self._link.failure is not None:
                link, self._link = self._link, None
                await link.close()
            if self._link is None:
                self._link = await Link.open(self.options, self._name)
            return self._link

    async def close(self) -> None:
        self._is_closed = True
        async with self._opening:
            link, self._link = self._link, None
        if link is not None:
            await link.close()


def status_of(message: Msg) -> str | None:
    """The status of a message without content, such as 503 if nobody listens to a subject; None for any other message."""
    if message.data or message.headers is None:
        return None
    return message.headers.get(STATUS)


def _signing(key: UserKey | None) -> dict[str, Any]:
    """The arguments with which the driver signs the challenge of a server."""
    if key is None:
        return {}
    return {"signature_cb": key.sign, "user_jwt_cb": key.jwt.encode if key.jwt else None}


def _is_in(text: str, subjects: Collection[str]) -> bool:
    """Tells whether an error names one of the subjects. One that ends with a dot stands for all that begin with it."""
    return any(f'"{subject}' in text if subject.endswith(".") else f'"{subject}"' in text for subject in subjects)
