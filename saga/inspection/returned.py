"""The value that a completed saga returned."""

from __future__ import annotations

from collections.abc import Mapping

from saga.codec.codec import JSON
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.paths import resolve
from saga.core.rules.retraction import without_retracted
from saga.core.state.phase import Phase
from saga.errors import InputRefused
from saga.ports.saga_detail import SagaDetail


def returned(detail: SagaDetail) -> Json:
    """Returns what callers got. None: it has not completed, it returns nothing, or its data are not JSON (a codec encrypts them)."""
    if detail.state.phase is not Phase.COMPLETED:
        return None
    try:
        records = without_retracted(detail.records, detail.state.vector)
        results = {step: record.result for step, record in records.items()}
        return returned_value(detail.graph, detail.input, results)
    except (ValueError, InputRefused):
        return None


def returned_value(graph: Graph, input: bytes, results: Mapping[int, bytes | None]) -> Json:  # noqa: A002 (the word of the protocol)
    """Returns the value of a completed saga, or None if its definition returns nothing. `results` are by step.

    An operator can declare that a step happened, but not its result, which is then null.

    Raises:
        saga.codec.codec.Misfit: the input or a result is not JSON.
        InputRefused: a value does not exist; the message names it.
    """
    if graph.returns is None:
        return None
    outputs: dict[int, Json] = dict.fromkeys(range(len(graph.steps)))
    outputs |= {step: JSON.decode(data) for step, data in results.items() if data is not None}
    return resolve(graph.returns, JSON.decode(input), graph.results_by_name(outputs))
