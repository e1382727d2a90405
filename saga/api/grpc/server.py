"""Serves the gRPC API inside the event loop of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import enable_server_reflection

from saga.api.grpc import definitions, sagas
from saga.api.grpc.methods import Context, Desk, handlers_of
from saga.api.guard import BODY_BYTES_MAX
from saga.errors import UsageError
from saga.logger import get_logger
from saga.v1 import definitions_pb2, sagas_pb2

CALLS_MAX: Final = 1_000
"""Beyond this number of calls at a time a call is refused with RESOURCE_EXHAUSTED."""
STOP_SECONDS: Final = 2.0
"""Time for calls under way, when the process stops."""
SERVICES: Final = (
    (sagas_pb2.DESCRIPTOR.services_by_name["Sagas"], sagas.METHODS),
    (definitions_pb2.DESCRIPTOR.services_by_name["Definitions"], definitions.METHODS),
)
NAMES: Final = tuple(service.full_name for service, _ in SERVICES)
HEALTH: Final = "grpc.health.v1.Health"
KEEPALIVE_MS: Final = 15_000
"""After this time without traffic it is checked that a client is still there. Clients may do the same."""
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_receive_message_length", BODY_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # a port in use is refused
)


@asynccontextmanager
async def serving(
    desk: Desk, address: str, is_ready: Callable[[], Awaitable[bool]], *, reflects: bool = False
) -> AsyncIterator[str]:
    """Serves the gRPC API until the block ends. Yields its address.

    `is_ready`: what the service for probes answers. `reflects`: describe the services to clients that have no protos.

    Raises:
        UsageError: the address is not available.
    """
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
    handlers = [handlers_of(service, desk, methods) for service, methods in SERVICES]
    server.add_generic_rpc_handlers([*handlers, _health(is_ready)])
    if reflects:
        enable_server_reflection([*NAMES, HEALTH, REFLECTION], server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise UsageError(f"grpc: cannot listen on {address}: {error}") from None
    await server.start()
    try:
        reached = f"{address.rpartition(':')[0]}:{port}"
        get_logger("saga.api").info("listening", grpc=reached)
        yield reached
    finally:
        await server.stop(STOP_SECONDS)


def _health(is_ready: Callable[[], Awaitable[bool]]) -> grpc.GenericRpcHandler:
    """The service for probes, which needs no token. It has no Watch: streams of unknown clients would take the place of calls."""

    async def check(request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        if request.service not in ("", *NAMES):
            await context.abort(grpc.StatusCode.NOT_FOUND, f"this server does not have the service {request.service!r}")
        answers = health_pb2.HealthCheckResponse
        return answers(status=answers.SERVING if await is_ready() else answers.NOT_SERVING)

    reads, writes = health_pb2.HealthCheckRequest.FromString, health_pb2.HealthCheckResponse.SerializeToString
    return grpc.method_handlers_generic_handler(
        HEALTH, {"Check": grpc.unary_unary_rpc_method_handler(check, reads, writes)}
    )
