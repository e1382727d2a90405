"""Definitions over gRPC: registered, shown, compared, and refused with every reason."""

from __future__ import annotations

import json

import grpc

from saga.v1 import definitions_pb2 as d
from saga.v1.definitions_pb2_grpc import DefinitionsStub
from tests.api.grpc.refused import problem_of_call

TEXT = """
name: parcel
version: 1
steps:
  - step: payments.charge
    pivot: true
"""


async def test_a_definition_is_checked_registered_and_compared(channel: grpc.aio.Channel) -> None:
    definitions = DefinitionsStub(channel)
    tried = await definitions.RegisterDefinition(d.RegisterDefinitionRequest(text=TEXT, dry_run=True))
    first = await definitions.RegisterDefinition(d.RegisterDefinitionRequest(text=TEXT, activate=False))
    again = await definitions.RegisterDefinition(d.RegisterDefinitionRequest(text=TEXT))
    version = await definitions.GetVersion(d.GetVersionRequest(name="parcel", version=1))
    graph = json.loads(version.graph) | {"version": 2}
    second = await definitions.RegisterDefinition(d.RegisterDefinitionRequest(graph=json.dumps(graph).encode()))
    found = await definitions.GetDifference(d.GetDifferenceRequest(name="parcel", from_version=1, to_version=2))
    back = await definitions.ActivateDefinition(d.ActivateDefinitionRequest(name="parcel", version=1))
    listed = await definitions.GetDefinition(d.GetDefinitionRequest(name="parcel"))

    assert [tried.is_new, first.is_new, again.is_new, second.is_new] == [True, True, False, True]
    assert not tried.HasField("number")
    assert (first.hash, second.version) == (version.hash, 2)
    assert (found.from_version, found.to_version, found.live_sagas.from_version) == (1, 2, 0)
    assert [(line.version, line.default) for line in listed.versions] == [(2, False), (1, True)]
    assert (back.version, back.before, found.default_version) == (1, 2, 2)
    assert "charge" in version.mermaid


REFUSED = [
    (d.RegisterDefinitionRequest(text=TEXT.replace("charge", "chrge")), "definition-refused", "payments.chrge"),
    (d.RegisterDefinitionRequest(), "usage", "once"),
    (d.RegisterDefinitionRequest(text=TEXT, graph=b'{"name": "parcel"}'), "usage", "once"),
    (d.RegisterDefinitionRequest(graph=b"{"), "usage", "graph: not JSON"),
    (d.RegisterDefinitionRequest(graph=b"[1]"), "definition-refused", ""),
    (d.RegisterDefinitionRequest(graph=b'{"name": 5}'), "definition-refused", ""),
]


async def test_a_definition_that_is_not_acceptable_is_refused(channel: grpc.aio.Channel) -> None:
    definitions = DefinitionsStub(channel)
    for asked, name, said in REFUSED:
        assert said in (await problem_of_call(definitions.RegisterDefinition(asked), name)).detail
    unknown = d.GetVersionRequest(name="parcle", version=1)
    assert "parcle" in (await problem_of_call(definitions.GetVersion(unknown), "not-found")).detail
