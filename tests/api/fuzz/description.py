"""The description of the API for a tool that makes requests from it: as it is, and narrowed to what the shop has."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from saga.api.application import build_routes, described

Described = dict[str, Any]
TEXT: Final = """
name: parcel
version: 1
steps:
  - step: payments.charge
    pivot: true
"""
WORDS: Final[dict[str, list[Any]]] = {
    "ref": ["order:order-1", "order:order-2", "fragile:stuck", "reviewed:waits"],
    "name": ["order", "fragile", "reviewed"],
    "version": [1],
    "step": ["reserve", "charge", "confirm"],
    "service": ["inventory", "payments"],
    "token": ["0123456789"],
    "key": ["order-1", "order-2"],
    "q": ["", "is:stuck", "definition:order -is:ended", "age:>1s", "why:retry-wait", "step.charge:succeeded"],
    "with": ["input,result,why,steps,history,effects,allowed", "why"],
    "from": [1],
    "to": [1],
    "by": ["step", "reason"],
    "format": ["json", "svg", "mermaid"],
    "If-Match": ["*"],
    "Idempotency-Key": ["one", "two"],
}
"""Values of parameters. In the narrowed description a parameter has these only, or any that fits if there are none for it."""
MEMBERS: Final[dict[str, dict[str, list[Any]]]] = {
    "Start": {"definition": ["order", "fragile", "reviewed"], "input": [{"sku": "A-1"}], "key": ["one", "two"]},
    "Acting": {"step": [None, "charge"]},
    "Message": {"name": ["review"], "payload": [{"approved": True}]},
    "CompletionOfStep": {"token": ["nonsense"], "value": [1]},
    "Body_register_definition": {"text": [TEXT, TEXT.replace("1", "2")]},
    "Body_create_token": {"name": ["ann"], "role": ["viewer", "admin"], "expires": ["90d"]},
}
"""Members of bodies: the narrowed description has no others, besides those that are required."""
STARTED: Final = "$response.body#/saga"


def description() -> Described:
    """The description without what may not end before the saga does: streams, and waiting for a result."""
    found = deepcopy(described(build_routes()))
    del found["paths"]["/v1/sagas/{ref}/events"]
    for operation in _operations(found):
        operation["parameters"] = [one for one in operation.get("parameters", ()) if one["name"] != "wait"]
    return found


def narrowed() -> Described:
    """The description of requests about sagas that there are, with links from a start to all that may be asked and done about a saga."""
    found = description()
    for path in [path for path in found["paths"] if path.startswith("/v1/tokens")]:
        del found["paths"][path]
    for operation in _operations(found):
        known = [one for one in operation["parameters"] if one["required"] or one["name"] in WORDS]
        operation["parameters"] = [one | {"schema": {"enum": WORDS[one["name"]]}} for one in known]
    for name, members in MEMBERS.items():
        schema = found["components"]["schemas"][name]
        required = {member: schema["properties"][member] for member in schema.get("required", ())}
        schema["properties"] = required | {member: {"enum": values} for member, values in members.items()}
    answers = found["paths"]["/v1/sagas"]["post"]["responses"]
    answers["201"]["links"] = answers["200"]["links"] = {
        f"{one['operationId']} of it": {"operationId": one["operationId"], "parameters": {"ref": STARTED}}
        for one in _operations(found)
        if any(parameter["name"] == "ref" for parameter in one["parameters"])
    }
    return found


def _operations(description: Described) -> list[Described]:
    return [operation for methods in description["paths"].values() for operation in methods.values()]
