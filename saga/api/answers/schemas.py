"""The answer of each route, by its operation id, and its schema in `openapi.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic import TypeAdapter

from saga.api.answers import acting, definitions, installation, sagas
from saga.core.definition.json_value import Json

Schema: TypeAlias = dict[str, Json]
ACTIONS: Final = ("roll_back", "pause", "resume", "retry", "skip", "resolve", "undo_step", "abandon")

ANSWERS: Final[Mapping[str, Mapping[int, Any]]] = {
    "list_sagas": {200: sagas.SagaPage},
    "start_saga": {200: sagas.Started, 201: sagas.Started},
    "get_saga": {200: sagas.Saga},
    "find_saga_by_key": {200: sagas.FoundByKey},
    "send_event": {200: sagas.Sent, 202: sagas.Sent},
    "complete_step": {200: sagas.Sent, 202: sagas.Sent},
    "get_result": {200: sagas.Ending, 202: sagas.NotEnded},
    "get_history": {200: sagas.History},
    "get_step": {200: sagas.StepOfSaga},
    "get_graph": {200: sagas.SagaGraph},
    "get_effects": {200: sagas.Effects},
    "get_why": {200: sagas.WhyOfSaga},
    **{f"{action}_saga": {200: sagas.Saga | acting.Planned} for action in ACTIONS},
    "reveal_field": {200: acting.Revealed},
    "get_saga_audit": {200: acting.AuditOfSaga},
    "list_audit": {200: acting.Audit},
    "list_definitions": {200: definitions.Definitions},
    "register_definition": {200: definitions.Registered, 201: definitions.Registered},
    "activate_definition": {200: definitions.Activated},
    "get_definition": {200: definitions.Versions},
    "get_version": {200: definitions.VersionDetails},
    "get_difference": {200: definitions.Difference},
    "list_stuck": {200: installation.Stuck},
    "list_waiting": {200: installation.Waiting},
    "list_services": {200: installation.Services},
    "get_service": {200: installation.ServiceNow},
    "list_processes": {200: installation.Processes},
    "get_leader": {200: installation.Leader},
    "get_doctor": {200: installation.Doctor},
    "get_me": {200: installation.Me},
    "list_tokens": {200: installation.Tokens},
    "create_token": {201: installation.NewToken},
    "revoke_token": {200: installation.RevokedToken},
}
"""The answers in JSON, by status. `watch_saga` is not here, because it answers with a stream."""
TEXTS: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = {
    "get_graph": {200: ("image/svg+xml", "text/plain")},
    "watch_saga": {200: ("text/event-stream",), 204: ()},
}
"""The media types of answers that are not JSON; none: the answer is empty."""
_WORDS: Final = {200: "Done", 201: "Created", 202: "Accepted, or not ended", 204: "Nothing more will happen"}


def add_answers(document: Schema) -> None:
    """Adds the schemas of all answers to the description of the API."""
    inputs: list[tuple[tuple[str, int], Literal["serialization"], TypeAdapter[Any]]] = [
        ((name, status), "serialization", TypeAdapter(answer))
        for name, answers in ANSWERS.items()
        for status, answer in answers.items()
    ]
    references, found = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= found["$defs"]
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
