"""Spans through the API of OpenTelemetry: one saga is one trace. Needs the extra `tracing` and a tracer provider set by the application.

The trace begins where the saga is started, inside the caller's span if there is one. Its context is stored in the saga's row and comes
back with every claim, whatever bus carried the command; so every attempt, compensations included, is a child of the start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from saga.core.rules import events as ev
from saga.runtime.planning.commit_plan import Committed
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.runner import StepRunner
from saga.runtime.telemetry import SILENT, Tracer
from saga.telemetry.metrics import OPERATION_WORDS, word_of

if TYPE_CHECKING:
    from opentelemetry import trace

_LOW_64: Final = 2**64 - 1
_PROVIDER_VARIABLE: Final = "OTEL_PYTHON_TRACER_PROVIDER"


def present_tracer() -> Tracer:
    """A tracer if the application has set a provider; otherwise the silent one, without importing OpenTelemetry."""
    if "opentelemetry.trace" not in sys.modules and _PROVIDER_VARIABLE not in os.environ:
        return SILENT.tracer
    try:
        from opentelemetry import trace  # noqa: PLC0415 (an extra)
    except ImportError:
        return SILENT.tracer
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return SILENT.tracer
    return SagaTracer()


class SagaTracer:
    """Implements `saga.runtime.telemetry.Tracer`."""

    def __init__(self) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 (an extra)

        self._trace = trace
        self._no_context = context.Context()
        self._tracer = trace.get_tracer("saga", version("saga-coordination"))

    def around(self, runner: StepRunner) -> StepRunner:
        return _TracedRunner(runner, self)

    @contextmanager
    def attempt(self, attempt: Attempt) -> Iterator[trace.Span]:
        """The span of one attempt."""
        parent = self._trace.NonRecordingSpan(self._context_of(attempt))
        with self._tracer.start_as_current_span(
            _name(attempt),
            context=self._trace.set_span_in_context(parent, self._no_context),
            kind=self._trace.SpanKind.CONSUMER,
            attributes=_attributes(attempt),
        ) as span:
            yield span

    def record(self, span: trace.Span, found: Outcome | Committed) -> None:
        """Puts the outcome of an attempt into its span."""
        outcome = found.group.outcomes[0] if isinstance(found, Committed) else found
        span.set_attribute("saga.outcome", word_of(type(outcome.event)))
        if isinstance(outcome.event, ev.Failed):
            span.set_status(self._trace.StatusCode.ERROR, outcome.error)

    def starting(self, request: StartRequest) -> AbstractContextManager[None]:
        return self._start(request)

    @contextmanager
    def _start(self, request: StartRequest) -> Iterator[None]:
        attributes = {"saga.id": str(request.saga), "saga.definition": request.graph.name}
        kind = self._trace.SpanKind.PRODUCER
        with self._tracer.start_as_current_span(
            f"start {request.graph.name}", kind=kind, attributes=attributes
        ) as span:
            context = span.get_span_context()
            if context.is_valid:
                request.trace = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
            yield

    def _context_of(self, attempt: Attempt) -> trace.SpanContext:
        """The context of the saga's start; if that was not traced, a trace whose id is that of the saga."""
        saga, written = attempt.claim.saga.int, attempt.claim.trace
        trace_id, span_id, flags = _parsed(written) or (saga, saga & _LOW_64, 1)
        return self._trace.SpanContext(trace_id, span_id, True, self._trace.TraceFlags(flags))  # noqa: FBT003 (is_remote)


class _TracedRunner:
    """Makes a span of each attempt."""

    def __init__(self, runner: StepRunner, tracer: SagaTracer) -> None:
        self._runner = runner
        self._tracer = tracer

    async def run(self, attempt: Attempt) -> Outcome | Committed:
        with self._tracer.attempt(attempt) as span:
            found = await self._runner.run(attempt)
            self._tracer.record(span, found)
        return found


def _parsed(traceparent: str | None) -> tuple[int, int, int] | None:
    """Trace, span and flags of a W3C traceparent; None if it is not one."""
    parts = (traceparent or "").split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2]:  # noqa: PLR2004 (the four parts of the format)
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    return (trace_id, span_id, flags) if trace_id and span_id else None


def _name(attempt: Attempt) -> str:
    return f"{OPERATION_WORDS[attempt.claim.operation]} {attempt.step.service}.{attempt.step.handler}"


def _attributes(attempt: Attempt) -> dict[str, str | int]:
    return {
        "saga.id": str(attempt.claim.saga),
        "saga.definition": attempt.graph.name,
        "saga.definition.version": attempt.graph.version,
        "saga.step": attempt.step.name,
        "saga.service": attempt.step.service,
        "saga.operation": OPERATION_WORDS[attempt.claim.operation],
        "saga.attempt": attempt.claim.deliveries,
    }
