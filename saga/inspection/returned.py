"""The value that a completed saga returned."""

from __future__ import annotations

import json

from saga.core.definition.json_value import Json
from saga.core.definition.paths import resolve
from saga.core.state.phase import Phase
from saga.errors import InputRefused
from saga.ports.saga_detail import SagaDetail


def returned(detail: SagaDetail) -> Json:
    """Returns what callers got. None: it has not completed, it returns nothing, or its data are not JSON (a codec encrypts them)."""
    if detail.state.phase is not Phase.COMPLETED or detail.graph.returns is None:
        return None
    results: dict[str, Json] = dict.fromkeys(step.name for step in detail.graph.steps)
    try:
        for step, record in detail.records.items():
            results[detail.graph.steps[step].name] = None if record.result is None else json.loads(record.result)
        return resolve(detail.graph.returns, json.loads(detail.input), results)
    except (ValueError, InputRefused):
        return None
