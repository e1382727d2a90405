"""The rights of roles over gRPC: every method with every role, and tokens in the metadata."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from saga.api.grpc.methods import kind_of, roles_of
from saga.api.grpc.server import SERVICES
from saga.api.limits import Kind
from saga.api.principals import Principal, Role, Sender
from saga.testing.clocks.hand_clock import HandClock
from saga.v1 import definitions_pb2 as d
from saga.v1 import sagas_pb2 as m
from saga.v1.definitions_pb2_grpc import DefinitionsStub
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.grpc.conftest import channel_to
from tests.api.grpc.refused import problem_of_call, refused
from tests.api.test_rights import MAY, token
from tests.cli.counter import Counter


def methods() -> Iterator[MethodDescriptor]:
    for service, _ in SERVICES:
        yield from service.methods


async def call(channel: grpc.aio.Channel, method: MethodDescriptor) -> None:
    """Calls a method with an empty request."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    ask, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    if method.server_streaming:
        stream = channel.unary_stream(path, ask.SerializeToString, response.FromString)
        async for _ in stream(ask()):
            pass
    else:
        await channel.unary_unary(path, ask.SerializeToString, response.FromString)(ask())


async def code_of_call(channel: grpc.aio.Channel, method: MethodDescriptor) -> grpc.StatusCode:
    try:
        await call(channel, method)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_every_method_names_a_role_and_is_described() -> None:
    assert {role for method in methods() for role in roles_of(method)} <= set(Role)
    assert all(roles_of(method) for method in methods())
    assert all(answers.keys() == {one.name for one in service.methods} for service, answers in SERVICES)


async def test_each_role_may_do_what_the_table_says_and_nothing_else(shop: Counter) -> None:
    role = Role.VIEWER

    async def somebody(_: Sender) -> Principal:
        return Principal("pat", role, "test")

    async with channel_to(shop.away, somebody) as channel:
        for role in Role:
            for method in methods():
                may = set[str]().union(*(MAY[needed.value] for needed in roles_of(method)))
                code = await code_of_call(channel, method)
                assert (code == grpc.StatusCode.PERMISSION_DENIED) is (role.value not in may), (method.full_name, role)


async def test_an_unknown_sender_may_do_nothing(shop: Counter) -> None:
    async def nobody(_: Sender) -> None:
        return None

    async with channel_to(shop.away, nobody) as channel:
        for method in methods():
            with refused("unauthenticated"):
                await call(channel, method)


async def test_from_the_first_token_on_every_call_needs_one(shop: Counter) -> None:
    header = await token(shop, Role.VIEWER)
    (right,) = header.items()

    async with channel_to(shop.away) as channel:
        sagas, ask = SagasStub(channel), m.ListSagasRequest()
        await sagas.ListSagas(ask, metadata=[right])
        refusal = await problem_of_call(sagas.StartSaga(m.StartSagaRequest(), metadata=[right]), "forbidden")
        await problem_of_call(sagas.ListSagas(ask), "unauthenticated")
        await problem_of_call(sagas.ListSagas(ask, metadata=[("authorization", right[1][:-3])]), "unauthenticated")

    assert refusal.facts == {"needs": "starter"}


async def test_a_call_that_a_proxy_passed_on_is_refused_while_there_are_no_tokens(sagas: SagasStub) -> None:
    asked = sagas.ListSagas(m.ListSagasRequest(), metadata=[("x-forwarded-for", "192.0.2.7")])

    await problem_of_call(asked, "forbidden")


async def test_a_viewer_sees_the_sizes_of_payloads(shop: Counter) -> None:
    async def viewer(_: Sender) -> Principal:
        return Principal("pat", Role.VIEWER, "test")

    saga = await shop.start()
    async with channel_to(shop.away, viewer) as channel:
        shown = (await SagasStub(channel).GetSaga(m.GetSagaRequest(ref=str(saga)))).saga

    assert shown.input == b'{"$hidden": "13 bytes"}'


async def test_a_sender_that_asks_too_often_is_told_when_to_ask_again(shop: Counter) -> None:
    shop.away.process.clock = HandClock(0.0)
    (right,) = (await token(shop, Role.VIEWER)).items()
    async with channel_to(shop.away) as channel:
        definitions, asked = DefinitionsStub(channel), d.ListDefinitionsRequest()
        for _ in range(Kind.READ.value.at_once):
            await definitions.ListDefinitions(asked, metadata=[right])
        refusal = await problem_of_call(definitions.ListDefinitions(asked, metadata=[right]), "too-many")

    assert refusal.facts == {"retry_after": "1"}


def test_methods_count_for_the_rates_of_what_they_do() -> None:
    kinds = {method.name: kind_of(roles_of(method)) for method in methods()}

    assert (kinds["StartSaga"], kinds["GetResult"], kinds["GetSaga"]) == (Kind.START, Kind.START, Kind.READ)
    assert (kinds["Act"], kinds["PlanAction"], kinds["RegisterDefinition"]) == (Kind.ACTION,) * 3
