"""The service Definitions."""

from __future__ import annotations

from typing import Final

from saga.api.calls import definitions as calls
from saga.api.calls.answers import Document
from saga.api.grpc.messages import payload_in
from saga.api.grpc.methods import Answer, Call
from saga.v1 import definitions_pb2 as messages


async def list_definitions(call: Call, _: messages.ListDefinitionsRequest) -> Document:
    return await calls.definitions(call.sagas)


async def get_definition(call: Call, request: messages.GetDefinitionRequest) -> Document:
    return await calls.versions(call.sagas, request.name)


async def get_version(call: Call, request: messages.GetVersionRequest) -> Document:
    return await calls.version(call.sagas, request.name, request.version)


async def get_difference(call: Call, request: messages.GetDifferenceRequest) -> Document:
    return await calls.difference_between(call.sagas, request.name, request.from_version, request.to_version)


async def activate_definition(call: Call, request: messages.ActivateDefinitionRequest) -> Document:
    return await calls.activate(call.sagas, request.name, request.version)


async def register_definition(call: Call, request: messages.RegisterDefinitionRequest) -> Document:
    graph, schema = [
        payload_in(call.fields[name], name) if name in call.fields else None for name in ("graph", "input_schema")
    ]
    return await calls.register(
        call.sagas,
        calls.definition_of(request.text, graph or {}, schema),
        activate=call.fields.get("activate", True),
        overwrite=request.overwrite,
        dry_run=request.dry_run,
    )


METHODS: Final[dict[str, Answer]] = {
    "ListDefinitions": list_definitions,
    "GetDefinition": get_definition,
    "GetVersion": get_version,
    "GetDifference": get_difference,
    "ActivateDefinition": activate_definition,
    "RegisterDefinition": register_definition,
}
