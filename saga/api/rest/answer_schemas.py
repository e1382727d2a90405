"""The answer of each route, by its operation id, and its schema in `openapi.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic import TypeAdapter

from saga.api.rest import answers as of
from saga.core.definition.json_value import Json

Schema: TypeAlias = dict[str, Json]
ACTIONS: Final = ("roll_back", "pause", "resume", "retry", "skip", "resolve", "abandon")

ANSWERS: Final[Mapping[str, Mapping[int, Any]]] = {
    "list_sagas": {200: of.SagaPage},
    "start_saga": {200: of.Started, 201: of.Started},
    "get_saga": {200: of.Saga},
    "find_saga_by_key": {200: of.FoundByKey},
    "get_result": {200: of.Ending, 202: of.NotEnded},
    "get_history": {200: of.History},
    "get_step": {200: of.StepOfSaga},
    "get_graph": {200: of.SagaGraph},
    "get_effects": {200: of.Effects},
    "get_why": {200: of.WhyOfSaga},
    **{f"{action}_saga": {200: of.Saga | of.Planned} for action in ACTIONS},
    "get_saga_audit": {200: of.AuditOfSaga},
    "list_audit": {200: of.Audit},
    "list_definitions": {200: of.Definitions},
    "register_definition": {200: of.Registered, 201: of.Registered},
    "activate_definition": {200: of.Activated},
    "get_definition": {200: of.Versions},
    "get_version": {200: of.VersionDetails},
    "get_difference": {200: of.Difference},
    "list_stuck": {200: of.Stuck},
    "list_waiting": {200: of.Waiting},
    "list_services": {200: of.Services},
    "get_service": {200: of.ServiceNow},
    "list_processes": {200: of.Processes},
    "get_leader": {200: of.Leader},
    "get_doctor": {200: of.Doctor},
    "get_me": {200: of.Me},
    "list_tokens": {200: of.Tokens},
    "create_token": {201: of.NewToken},
    "revoke_token": {200: of.RevokedToken},
}
"""The JSON answers by status. `watch_saga` has none: it answers with a stream."""
TEXTS: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = {
    "get_graph": {200: ("image/svg+xml", "text/plain")},
    "watch_saga": {200: ("text/event-stream",), 204: ()},
}
"""The media types of answers that are not JSON; none: the answer is empty."""
_WORDS: Final = {200: "Done", 201: "Created", 202: "It goes on", 204: "Nothing more will happen"}


def add_answers(document: Schema) -> None:
    """Adds the schemas of all answers to the description of the API."""
    inputs: list[tuple[tuple[str, int], Literal["serialization"], TypeAdapter[Any]]] = [
        ((name, status), "serialization", TypeAdapter(answer))
        for name, answers in ANSWERS.items()
        for status, answer in answers.items()
    ]
    references, definitions = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= definitions["$defs"]
    schemas = {key: schema for (key, _), schema in references.items()}
    for operation in _operations(document):
        name, responses = operation["operationId"], operation["responses"]
        for status in (200, 201, 202, 204):
            content = {}
            if (name, status) in schemas:
                content["application/json"] = {"schema": schemas[name, status]}
            texts = TEXTS.get(name, {}).get(status)
            content |= {media: {"schema": {"type": "string"}} for media in texts or ()}
            if content or texts is not None:
                responses[str(status)] = {"description": _WORDS[status]} | ({"content": content} if content else {})


def _operations(document: Schema) -> Iterator[Schema]:
    for methods in document["paths"].values():
        yield from methods.values()
