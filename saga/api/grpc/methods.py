"""Serves the methods of a service of `saga.v1`: recognises the sender, checks its role, and makes messages and statuses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Container, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from saga.api.calls.answers import Document
from saga.api.disclosure import Disclosure, Reader
from saga.api.grpc.messages import filled, given
from saga.api.grpc.refusals import refusal_of
from saga.api.limits import Kind, Limits
from saga.api.live.watcher import Watcher
from saga.api.principals import Principal, Role, Sender, is_forwarded, permitted, recognised
from saga.client import StoreSagas
from saga.v1 import roles_pb2

Context: TypeAlias = grpc.aio.ServicerContext[Message, Message]
_ROLE: Final = "ROLE_"


@dataclass(frozen=True, slots=True)
class Desk:
    """An installation, its watcher, and what may be seen how often. `recognise`: names the sender of a call; None: it is unknown."""

    sagas: StoreSagas
    watcher: Watcher
    disclosure: Disclosure
    limits: Limits
    recognise: Callable[[Sender], Awaitable[Principal | None]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call under way. `fields`: those that the request has set. `authorise`: asks again whether the sender may call this method."""

    desk: Desk
    reader: Reader
    fields: Document
    authorise: Callable[[], Awaitable[Principal]]
    seconds_left: float | None

    @property
    def sagas(self) -> StoreSagas:
        return self.desk.sagas


One: TypeAlias = Callable[[Call, Any], Awaitable[Document]]
Many: TypeAlias = Callable[[Call, Any], AsyncGenerator[Document]]
Answer: TypeAlias = One | Many
"""Answers a call with a document; with documents, if the method is a stream."""


def roles_of(method: MethodDescriptor) -> tuple[Role, ...]:
    """The roles of which a method needs one, as its option in the proto says."""
    numbers: list[int] = method.GetOptions().Extensions[roles_pb2.needs]  # type: ignore[index]
    return tuple(Role(roles_pb2.Role.Name(number).removeprefix(_ROLE).lower()) for number in numbers)


def kind_of(roles: Container[Role]) -> Kind:
    """The rate for which calls of a method count."""
    if Role.STARTER in roles:
        return Kind.START
    return Kind.READ if Role.VIEWER in roles else Kind.ACTION


def handlers_of(service: ServiceDescriptor, desk: Desk, methods: Mapping[str, Answer]) -> grpc.GenericRpcHandler:
    """The handlers of a service. `methods`: what answers each of its methods, by name."""
    made = {method.name: _handler(method, desk, methods[method.name]) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, made)


def _handler(method: MethodDescriptor, desk: Desk, answer: Answer) -> grpc.RpcMethodHandler[Message, Message]:
    reads, writes = GetMessageClass(method.input_type).FromString, GetMessageClass(method.output_type).SerializeToString
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_many(method, desk, cast("Many", answer)), reads, writes)
    return grpc.unary_unary_rpc_method_handler(_one(method, desk, cast("One", answer)), reads, writes)


def _one(method: MethodDescriptor, desk: Desk, answer: One) -> Callable[[Message, Context], Awaitable[Message]]:
    response = GetMessageClass(method.output_type)

    async def answered(request: Message, context: Context) -> Message:
        try:
            return filled(response(), await answer(await _call(method, desk, request, context), request))
        except Exception as error:  # noqa: BLE001 (each becomes a status)
            return await context.abort(*refusal_of(error, method.full_name))

    return answered


def _many(method: MethodDescriptor, desk: Desk, answer: Many) -> Callable[[Message, Context], AsyncIterator[Message]]:
    response = GetMessageClass(method.output_type)

    async def answered(request: Message, context: Context) -> AsyncIterator[Message]:
        try:
            async with aclosing(answer(await _call(method, desk, request, context), request)) as documents:
                async for document in documents:
                    yield filled(response(), document)
        except Exception as error:  # noqa: BLE001
            await context.abort(*refusal_of(error, method.full_name))

    return answered


async def _call(method: MethodDescriptor, desk: Desk, request: Message, context: Context) -> Call:
    sender, roles = _sender_of(context), roles_of(method)

    async def authorise() -> Principal:
        return permitted(recognised(await desk.recognise(sender)), *roles)

    principal = recognised(await desk.recognise(sender))
    desk.limits.take(principal.sender, kind_of(roles))
    reader = Reader(permitted(principal, *roles), desk.disclosure)
    return Call(desk, reader, given(request), authorise, context.time_remaining())


def _sender_of(context: Context) -> Sender:
    metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
    kind, _, address = unquote(context.peer()).partition(":")
    host = address.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None
    return Sender(metadata.get("authorization"), host, None, is_forwarded(metadata))
