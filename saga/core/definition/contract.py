"""A contract: what a participant publishes about a step, so that definitions are checked without its code."""

from __future__ import annotations

from dataclasses import dataclass

from saga.core.definition.json_value import Json
from saga.core.state.mode import Mode


@dataclass(frozen=True, slots=True)
class Contract:
    """One step handler of one service. Schemas are JSON Schema documents, None if the handler is not typed."""

    service: str
    handler: str
    mode: Mode
    has_compensation: bool
    has_probe: bool
    read_only: bool
    input_schema: Json
    output_schema: Json
    handler_version: str | None

    @property
    def name(self) -> str:
        return f"{self.service}.{self.handler}"
