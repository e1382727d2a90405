"""Answers about definitions."""

from __future__ import annotations

from typing_extensions import TypedDict

from saga.api.answers.shared import Answered, Time
from saga.core.definition.json_value import Json


class Version(TypedDict):
    """A version of a definition. `default`: a start by name uses it."""

    name: str
    version: int
    default: bool
    steps: int
    services: list[str]
    live_sagas: int
    hash: str


class Definitions(Answered):
    definitions: list[Version]


class Versions(Answered):
    name: str
    versions: list[Version]


class VersionDetails(Answered):
    """`graph`: the canonical form, whose hash it is; `mermaid`: the same as a flow chart."""

    name: str
    version: int
    hash: str
    graph: dict[str, Json]
    input_schema: Json
    mermaid: str


LiveSagas = TypedDict("LiveSagas", {"from": int, "to": int})

Difference = TypedDict(
    "Difference",
    {
        "now": Time,
        "name": str,
        "from": int,
        "to": int,
        "changes": list[str],
        "live_sagas": LiveSagas,
        "default": int | None,
        "only_from_needs": list[str],
        "effect": list[str],
    },
)
"""`default`: the version that a start by name uses; `only_from_needs`: handlers that only sagas of `from` call."""


class Registered(Answered):
    """`number`: of the definition in the store; null after a dry run of a new one."""

    name: str
    version: int
    hash: str
    number: int | None
    is_new: bool
    warnings: list[str]


class Activated(Answered):
    """`before`: the version that a start by name used until then."""

    name: str
    version: int
    before: int | None
