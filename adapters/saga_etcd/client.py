"""Calls to a cluster: one endpoint after the other, with a token where there are users, and Saga's errors instead of gRPC's."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from saga.errors import AccessRefused, NotFound, SagaError, Unavailable, UsageError
from saga_etcd.options import Options
from saga_etcd.stubs import rpc_pb2 as rpc
from saga_etcd.stubs import v3election_pb2 as election

Question = TypeVar("Question", bound=Message)
Answer = TypeVar("Answer", bound=Message)
Result = TypeVar("Result")

ATTEMPT_SECONDS_MIN: Final = 0.3
CHANNEL_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),  # a channel that is made again is a new connection
    ("grpc.enable_http_proxy", 0),
)
HAS_LEADER: Final = (
    ("hasleader", "true"),
)  # a member that has lost the others ends a waiting call instead of keeping it
_REFUSED: Final = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT}
_FOR_GOOD: Final = {*_REFUSED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
_DENIED: Final = "permission denied"  # the election service wraps it in an unknown error
_TOKEN_GONE: Final = ("invalid auth token", "revision of auth store is old")


@dataclass(frozen=True, slots=True)
class Method(Generic[Question, Answer]):
    """A unary call of etcd's API."""

    path: str
    question: type[Question]
    answer: type[Answer]


TXN: Final = Method("/etcdserverpb.KV/Txn", rpc.TxnRequest, rpc.TxnResponse)
RANGE: Final = Method("/etcdserverpb.KV/Range", rpc.RangeRequest, rpc.RangeResponse)
GRANT: Final = Method("/etcdserverpb.Lease/LeaseGrant", rpc.LeaseGrantRequest, rpc.LeaseGrantResponse)
REVOKE: Final = Method("/etcdserverpb.Lease/LeaseRevoke", rpc.LeaseRevokeRequest, rpc.LeaseRevokeResponse)
CAMPAIGN: Final = Method("/v3electionpb.Election/Campaign", election.CampaignRequest, election.CampaignResponse)
AUTHENTICATE: Final = Method("/etcdserverpb.Auth/Authenticate", rpc.AuthenticateRequest, rpc.AuthenticateResponse)
KEEP_ALIVE: Final = "/etcdserverpb.Lease/LeaseKeepAlive"


class Client:
    """One connection at a time. `endpoint` changes when the present one does not answer."""

    def __init__(self, options: Options) -> None:
        self.place = options.place
        self._options = options
        self._credentials = options.credentials()
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._token: str | None = None
        self._turn = 0

    @property
    def endpoint(self) -> str:
        """The one that is asked now."""
        return self._options.endpoints[self._turn % len(self._options.endpoints)]

    async def call(self, method: Method[Question, Answer], question: Question, timeout: float | None) -> Answer:
        """Ask one endpoint after the other for `timeout` seconds; None: one endpoint, for as long as it takes.

        Raises:
            Unavailable: none answers: unknown whether it happened.
            AccessRefused, NotFound, UsageError: the cluster says no.
        """

        async def ask(
            channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], seconds: float | None
        ) -> Answer:
            stub = channel.unary_unary(
                method.path,
                request_serializer=method.question.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
            return await stub(question, timeout=seconds, metadata=metadata)

        return await self._ask(ask, timeout)

    async def keep_alive(self, lease: int, timeout: float) -> int:
        """Prolong a lease; returns its seconds from now, 0 where it is over. Raises Unavailable, AccessRefused."""

        async def ask(channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], seconds: float | None) -> int:
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

        return await self._ask(ask, timeout)

    async def _ask(
        self,
        ask: Callable[[grpc.aio.Channel, tuple[tuple[str, str], ...], float | None], Awaitable[Result]],
        timeout: float | None,
    ) -> Result:
        give_up_at = None if timeout is None else time.monotonic() + timeout
        while True:
            turn, seconds = self._turn, self._attempt_seconds(give_up_at)
            try:
                return await ask(self._channel(), HAS_LEADER + await self._proof(seconds), seconds)
            except grpc.aio.AioRpcError as error:
                if self._is_token_gone(error):
                    self._token = None
                elif error.code() in _FOR_GOOD or _DENIED in _said(error):
                    raise self._refusal(error) from error
                else:
                    await self._move_on(turn)
                if give_up_at is None or time.monotonic() >= give_up_at - ATTEMPT_SECONDS_MIN / 2:
                    raise self._away(error) from error
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                if give_up_at is None or time.monotonic() >= give_up_at:  # not we were cancelled, but the connection
                    raise Unavailable(f"{self.place}: the connection was closed") from error
            except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:  # the channel was closed meanwhile
                raise Unavailable(f"{self.place}: the connection was closed") from error

    def _attempt_seconds(self, give_up_at: float | None) -> float | None:
        """What is left is shared by the endpoints, so that a silent one does not use it up."""
        if give_up_at is None:
            return None
        left = give_up_at - time.monotonic()
        return min(left, max(left / len(self._options.endpoints), ATTEMPT_SECONDS_MIN))

    async def _proof(self, seconds: float | None) -> tuple[tuple[str, str], ...]:
        """A token for the user of the URL. A simple token lives for five minutes after its last use, and not beyond a restart."""
        if not self._options.user:
            return ()
        if self._token is None:
            stub = self._channel().unary_unary(
                AUTHENTICATE.path,
                request_serializer=rpc.AuthenticateRequest.SerializeToString,
                response_deserializer=rpc.AuthenticateResponse.FromString,
            )
            question = rpc.AuthenticateRequest(name=self._options.user, password=self._options.password)
            try:
                self._token = (await stub(question, timeout=seconds)).token
            except grpc.aio.AioRpcError as error:
                if "authentication is not enabled" not in _said(error):
                    raise
                self._token = ""  # a cluster without users lets everybody in
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
        """To the next endpoint, unless another call has moved already. The connection is thrown away: it may be a black hole."""
        if turn == self._turn:
            channel = self._channels.pop(self.endpoint, None)
            self._turn += 1
            if channel is not None:
                await channel.close()

    def _is_token_gone(self, error: grpc.aio.AioRpcError) -> bool:
        return bool(self._token) and any(words in _said(error) for words in _TOKEN_GONE)

    def _refusal(self, error: grpc.aio.AioRpcError) -> SagaError:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return NotFound(f"{self.place}: {_said(error)}")
        if error.code() in _REFUSED or _DENIED in _said(error):
            return AccessRefused(
                f"{self.place} answers but refuses ({_said(error)}): check user and password of the URL,"
                " and that the user's role may read and write the keys under saga/"
            )
        return UsageError(f"{self.place} refuses: {_said(error)}")

    def _away(self, error: grpc.aio.AioRpcError) -> Unavailable:
        return Unavailable(
            f"{self.place} cannot be reached or broke off ({error.code().name.lower()}: {_said(error)}):"
            " check that a majority of its members runs, and the hosts, ports and certificates of the URL"
        )

    async def close(self) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            with contextlib.suppress(grpc.aio.UsageError):
                await channel.close()


def _said(error: grpc.aio.AioRpcError) -> str:
    return (error.details() or "no details").removeprefix("etcdserver: ").partition("\n")[0]
