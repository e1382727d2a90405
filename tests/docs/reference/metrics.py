"""docs/reference/metrics.md, from the catalogue of metrics."""

from __future__ import annotations

from saga.telemetry import catalogue
from saga.telemetry.metrics import DEFINITIONS_MAX, OPERATION_WORDS, OTHER, OUTCOME_WORDS, SERVICES_MAX
from tests.docs.reference.markdown import AGAIN, table


def metrics() -> str:
    rows = [
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in catalogue.METRICS
        if not metric.by_leader
    ]
    leaders = [
        (f"`{metric.name}`", ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in catalogue.METRICS
        if metric.by_leader
    ]
    return f"""\
# Metrics

Generated from `saga.telemetry.catalogue`. {AGAIN}

They are served at `/metrics` of the address in the setting `http` ([run in production](../how-to/run-in-production.md#health-checks)). A
histogram has the usual `_bucket`, `_sum` and `_count`. The usual `process_*` metrics are included.

## Of every process

{table(("Metric", "Kind", "Labels", "Meaning"), rows)}

## Of the leader

Gauges, for the whole namespace; only the process that leads has them.

{table(("Metric", "Labels", "Meaning"), leaders)}

## Values of labels

| Label | Values |
| --- | --- |
| `outcome` of a step | {", ".join(sorted(f"`{word}`" for word in OUTCOME_WORDS))} |
| `outcome` of a saga | `completed`, `compensated`, `abandoned` |
| `operation` | {", ".join(f"`{word}`" for word in OPERATION_WORDS.values())} |
| `cause` | `deadline`, `rejected`, `failed`, `requested` |
| `batch` | `starts`, `outcomes` |
| `definition`, `service` | names; beyond {DEFINITIONS_MAX} definitions and {SERVICES_MAX} services: `{OTHER}` |
"""
