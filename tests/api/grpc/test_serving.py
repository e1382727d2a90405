"""The gRPC API beside REST in one process: its address, its probe, and what describes it."""

from __future__ import annotations

import asyncio
import socket

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from saga import memory
from saga.api import extra
from saga.api.grpc.server import HEALTH, NAMES
from saga.api.server import served
from saga.cli.options import StoreOptions
from saga.cli.processes.api import _serve
from saga.errors import MissingDriver, UsageError
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from saga_postgres.embedded.child import free_port
from tests.api.grpc.conftest import channel_to
from tests.cli.counter import Counter

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def health(channel: grpc.aio.Channel, service: str = "") -> health_pb2.HealthCheckResponse.ServingStatus:
    answers, asks = health_pb2.HealthCheckResponse, health_pb2.HealthCheckRequest
    check = channel.unary_unary(f"/{HEALTH}/Check", asks.SerializeToString, answers.FromString)
    return (await check(asks(service=service))).status


async def reflected(channel: grpc.aio.Channel) -> FileDescriptorProto:
    """The proto of the service Sagas, as the server describes it."""
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    asks, answers = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    stream = channel.stream_stream(path, asks.SerializeToString, answers.FromString)
    async for answer in stream(iter([asks(file_containing_symbol=NAMES[0])])):
        return FileDescriptorProto.FromString(answer.file_descriptor_response.file_descriptor_proto[0])
    raise AssertionError


async def test_the_api_is_served_beside_rest_with_a_probe_and_describes_itself_if_asked_to(shop: Counter) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with (
        served(shop.away, "127.0.0.1:0", grpc=address, grpc_reflection=True),
        grpc.aio.insecure_channel(address) as channel,
    ):
        listed = await SagasStub(channel).ListSagas(m.ListSagasRequest())
        probed = [await health(channel, service) for service in ("", *NAMES)]
        described = await reflected(channel)

    assert (len(listed.sagas), listed.now.seconds > 0) == (0, True)
    assert probed == [SERVING] * len(probed)
    assert (described.name, described.package) == ("saga/v1/sagas.proto", "saga.v1")


async def test_without_the_flag_nothing_is_described_and_a_process_that_is_not_ready_says_so(shop: Counter) -> None:
    async def not_ready() -> bool:
        return False

    async with channel_to(shop.away, is_ready=not_ready) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as described:
            await reflected(channel)
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health(channel, "nothing")
        probed = await health(channel)

    codes = (described.value.code(), unknown.value.code())
    assert codes == (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND)
    assert probed == NOT_SERVING


async def test_a_port_in_use_and_an_address_that_others_reach_are_refused(shop: Counter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"grpc: cannot listen on {address}"):
            async with served(shop.away, "127.0.0.1:0", grpc=address):
                pass
    with pytest.raises(UsageError, match="there are no tokens"):
        async with served(shop.away, "127.0.0.1:0", grpc="0.0.0.0:0"):
            pass


async def test_the_command_says_where_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = StoreOptions(store="memory://the-command").settings(grpc=address, api="127.0.0.1:0")
    printed, serving = "", asyncio.create_task(_serve(settings))
    async with asyncio.timeout(20):
        while "gRPC" not in printed:
            await asyncio.sleep(0)
            printed += capsys.readouterr().out
        async with grpc.aio.insecure_channel(address) as channel:
            probed = await health(channel)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    memory.forget("memory://the-command")

    assert (probed, printed.splitlines()[1]) == (SERVING, f"gRPC: {address}")
    with pytest.raises(UsageError, match="grpc: not an address"):
        StoreOptions(store="memory://the-command").settings(grpc="nowhere")


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "GRPC_LIBRARIES", ("grpc", "nothing_of_this_name"))

    with pytest.raises(MissingDriver, match=r"nothing_of_this_name.*pip install 'saga-coordination\[grpc\]'"):
        extra.load_server(with_grpc=True)
