"""Calls to an etcd cluster: tries one endpoint after the other, authenticates if the URL has a user, and translates errors."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from saga.errors import Unavailable
from saga_etcd.failures import details, is_refusal, is_token_invalid, refusal, unavailable
from saga_etcd.options import Options
from saga_etcd.stubs import rpc_pb2 as rpc
from saga_etcd.stubs import v3election_pb2 as election

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Result = TypeVar("Result")

ATTEMPT_SECONDS_MIN: Final = 0.3
CHANNEL_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),  # a recreated channel is a new connection
    ("grpc.enable_http_proxy", 0),
)
# a member that has lost the others ends a waiting call instead of keeping it
HAS_LEADER: Final = (("hasleader", "true"),)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Response]):
    """A unary call of etcd's API."""

    path: str
    request: type[Request]
    response: type[Response]


TXN: Final = Method("/etcdserverpb.KV/Txn", rpc.TxnRequest, rpc.TxnResponse)
RANGE: Final = Method("/etcdserverpb.KV/Range", rpc.RangeRequest, rpc.RangeResponse)
GRANT: Final = Method("/etcdserverpb.Lease/LeaseGrant", rpc.LeaseGrantRequest, rpc.LeaseGrantResponse)
REVOKE: Final = Method("/etcdserverpb.Lease/LeaseRevoke", rpc.LeaseRevokeRequest, rpc.LeaseRevokeResponse)
CAMPAIGN: Final = Method("/v3electionpb.Election/Campaign", election.CampaignRequest, election.CampaignResponse)
AUTHENTICATE: Final = Method("/etcdserverpb.Auth/Authenticate", rpc.AuthenticateRequest, rpc.AuthenticateResponse)
KEEP_ALIVE: Final = "/etcdserverpb.Lease/LeaseKeepAlive"


class Client:
    """Uses one endpoint at a time, and moves on to the next one when it does not answer."""

    def __init__(self, options: Options) -> None:
        self.place = options.place
        self._options = options
        self._credentials = options.credentials()
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._token: str | None = None
        self._turn = 0

    @property
    def endpoint(self) -> str:
        """The endpoint in use."""
        return self._options.endpoints[self._turn % len(self._options.endpoints)]

    async def call(self, method: Method[Request, Response], request: Request, timeout: float | None) -> Response:
        """Calls one endpoint after the other for `timeout` seconds; with None, calls one endpoint for as long as it takes.

        Raises:
            Unavailable: no endpoint answers; the outcome is unknown.
            AccessRefused, NotFound, UsageError: the cluster refuses the call.
        """

        async def send(
            channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], seconds: float | None
        ) -> Response:
            stub = channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            return await stub(request, timeout=seconds, metadata=metadata)

        return await self._try_endpoints(send, timeout)

    async def keep_alive(self, lease: int, timeout: float) -> int:
        """Extends a lease. Returns the seconds that are left, 0 if it has ended. Raises Unavailable, AccessRefused."""

        async def send(channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], seconds: float | None) -> int:
            stub = channel.stream_stream(
                KEEP_ALIVE,
                request_serializer=rpc.LeaseKeepAliveRequest.SerializeToString,
                response_deserializer=rpc.LeaseKeepAliveResponse.FromString,
            )
            call = stub(timeout=seconds, metadata=metadata)
            try:
                await call.write(rpc.LeaseKeepAliveRequest(ID=lease))
                answer = await call.read()
            finally:
                call.cancel()
            return answer.TTL if isinstance(answer, rpc.LeaseKeepAliveResponse) else 0

        return await self._try_endpoints(send, timeout)

    async def _try_endpoints(
        self,
        send: Callable[[grpc.aio.Channel, tuple[tuple[str, str], ...], float | None], Awaitable[Result]],
        timeout: float | None,
    ) -> Result:
        give_up_at = None if timeout is None else time.monotonic() + timeout
        while True:
            turn, seconds = self._turn, self._attempt_seconds(give_up_at)
            try:
                return await send(self._channel(), HAS_LEADER + await self._credentials_metadata(seconds), seconds)
            except grpc.aio.AioRpcError as error:
                if self._token and is_token_invalid(error):
                    self._token = None
                elif is_refusal(error):
                    raise refusal(error, self.place) from error
                else:
                    await self._move_on(turn)
                if give_up_at is None or time.monotonic() >= give_up_at - ATTEMPT_SECONDS_MIN / 2:
                    raise unavailable(error, self.place) from error
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                if give_up_at is None or time.monotonic() >= give_up_at:  # the connection was cancelled, not this task
                    raise Unavailable(f"{self.place}: the connection was closed") from error
            except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:  # the channel was closed meanwhile
                raise Unavailable(f"{self.place}: the connection was closed") from error

    def _attempt_seconds(self, give_up_at: float | None) -> float | None:
        """Divides the remaining time among the endpoints, so that a silent one does not use it up."""
        if give_up_at is None:
            return None
        left = give_up_at - time.monotonic()
        return min(left, max(left / len(self._options.endpoints), ATTEMPT_SECONDS_MIN))

    async def _credentials_metadata(self, seconds: float | None) -> tuple[tuple[str, str], ...]:
        """A token for the user of the URL. A simple token lives for five minutes after its last use, and ends with a restart."""
        if not self._options.user:
            return ()
        if self._token is None:
            stub = self._channel().unary_unary(
                AUTHENTICATE.path,
                request_serializer=rpc.AuthenticateRequest.SerializeToString,
                response_deserializer=rpc.AuthenticateResponse.FromString,
            )
            request = rpc.AuthenticateRequest(name=self._options.user, password=self._options.password)
            try:
                self._token = (await stub(request, timeout=seconds)).token
            except grpc.aio.AioRpcError as error:
                if "authentication is not enabled" not in details(error):
                    raise
                self._token = ""  # a cluster without users needs no token
        return (("token", self._token),) if self._token else ()

    def _channel(self) -> grpc.aio.Channel:
        endpoint = self.endpoint
        if endpoint not in self._channels:
            self._channels[endpoint] = (
                grpc.aio.insecure_channel(endpoint, options=CHANNEL_OPTIONS)
                if self._credentials is None
                else grpc.aio.secure_channel(endpoint, self._credentials, options=CHANNEL_OPTIONS)
            )
        return self._channels[endpoint]

    async def _move_on(self, turn: int) -> None:
        """Switches to the next endpoint, unless another call has. Closes the connection, which may be a black hole."""
        if turn == self._turn:
            channel = self._channels.pop(self.endpoint, None)
            self._turn += 1
            if channel is not None:
                await channel.close()

    async def close(self) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            with contextlib.suppress(grpc.aio.UsageError):
                await channel.close()
