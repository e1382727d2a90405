"""The metrics in the format of Prometheus. Needs the extra `metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Final, TypeAlias

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor
from saga.telemetry import catalogue as names
from saga.telemetry.catalogue import Metric
from saga.telemetry.histogram import Histogram
from saga.telemetry.metrics import Attempts, Metrics, word_of

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
Numbers: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
Histograms: TypeAlias = Iterable[tuple[tuple[str, ...], Histogram]]


class SagaCollector(Collector):
    """Collects the metrics of one process for any registry: `registry.register(SagaCollector(...))`.

    Collect on the thread of the event loop.
    """

    def __init__(self, metrics: Metrics, process: Process, supervisor: Supervisor | None) -> None:
        self._metrics = metrics
        self._process = process
        self._supervisor = supervisor

    def describe(self) -> Iterable[Family]:
        return []  # the set of metrics changes over time

    def collect(self) -> Iterator[Family]:
        yield from self._sagas()
        yield from self._steps()
        yield from self._process_itself()
        if self._supervisor is not None:
            yield from self._leadership(self._supervisor)

    def _sagas(self) -> Iterator[Family]:
        metrics = self._metrics
        yield _counter(names.STARTED, (((name,), count) for name, count in metrics.started_sagas.items()))
        yield _counter(names.ENDED, ((key, sum(ended.counts)) for key, ended in metrics.endings.items()))
        yield _histogram(names.DURATION, metrics.endings.items())
        yield _counter(names.ROLLBACKS, metrics.rollbacks.items())
        yield _counter(names.QUARANTINED, metrics.quarantined.items())
        yield _counter(names.REDRIVES, (((name,), count) for name, count in metrics.redrives.items()))
        yield _histogram(names.DEADLINE_LATENESS, [((), metrics.lateness)])
        yield _histogram(names.WAIT_LATENESS, [((), metrics.wait_lateness)])

    def _steps(self) -> Iterator[Family]:
        attempts = list(self._metrics.attempts.values())
        yield _counter(names.STEPS, _outcomes(attempts).items())
        yield _histogram(names.STEP_DURATION, _durations(attempts).items())

    def _process_itself(self) -> Iterator[Family]:
        metrics, intake = self._metrics, self._process.intake
        yield _counter(names.RELEASED, [((), metrics.released_claims)])
        yield _gauge(names.HELD, [((), intake.in_flight)])
        yield _gauge(names.CAPACITY, [((), intake.capacity)])
        hung = self._process.services.hung_handlers().items()
        yield _gauge(names.HUNG, _sums(((metrics.service(name),), count) for name, count in hung))
        yield _histogram(names.COMMIT_SAGAS, (((batch,), sizes) for batch, sizes in metrics.commit_sagas.items()))
        yield _histogram(names.COMMIT_DURATION, (((batch,), took) for batch, took in metrics.commit_seconds.items()))
        yield _histogram(names.BUS_LAG, (((service,), lag) for service, lag in metrics.bus_lag.items()))
        yield _histogram(names.LOOP_LAG, [((), metrics.loop_lag)])
        blocked = self._process.loop_watch.blocked_seconds.copy().items()
        yield _counter(names.LOOP_BLOCKED, (((handler,), seconds) for handler, seconds in blocked))
        yield _gauge(names.STORE_SILENCE, [((), self._process.silent_seconds)])
        yield _gauge(names.BUILD, [((version("saga-coordination"),), 1)])

    def _leadership(self, supervisor: Supervisor) -> Iterator[Family]:
        term, survey = supervisor.term, self._metrics.survey
        yield _gauge(names.LEADER, [((), 0 if term is None else 1)])
        if term is None or survey is None:
            return
        yield _gauge(names.TERM, [((), term)])
        definition, service = self._metrics.definition, self._metrics.service
        phases = survey.phases.items()
        yield _gauge(names.SAGAS, _sums(((definition(name), phase.name.lower()), n) for (name, phase), n in phases))
        yield _gauge(names.STUCK, _sums(((definition(name),), count) for name, count in survey.stuck.items()))
        event = self._metrics.event
        yield _gauge(names.WAITING, _sums(((event(name),), count) for name, count in survey.waiting.items()))
        yield _gauge(names.SCAN_LAG, [((), survey.scan_lag_seconds)])
        yield _gauge(names.DEADLINE_OVERDUE, [((), survey.deadline_overdue_seconds)])
        queues = survey.queues.items()
        yield _gauge(names.QUEUED, _sums(((service(name),), queue.commands) for name, queue in queues))
        lags = sorted(((service(name),), queue.oldest_seconds) for name, queue in queues)
        yield _gauge(
            names.QUEUE_LAG, dict(lags).items()
        )  # several services may share `other`: the longest wait of them
        yield _gauge(names.PROCESSES, _sums(((service(name),), count) for name, count in survey.processes.items()))
        yield _gauge(names.SURVEY_CUT, [((), survey.is_cut)])


class Exposition:
    """Renders the page /metrics."""

    def __init__(self, collector: SagaCollector) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        return generate_latest(self._registry)


def _outcomes(attempts: Iterable[Attempts]) -> dict[tuple[str, ...], float]:
    """Attempts by outcome; the versions of a definition, and the steps of a service, share a series."""
    found: dict[tuple[str, ...], float] = {}
    for one in attempts:
        for kind, count in one.outcomes.items():
            key = (one.definition, one.service, one.operation, word_of(kind))
            if count:
                found[key] = found.get(key, 0) + count
    return found


def _durations(attempts: Iterable[Attempts]) -> dict[tuple[str, ...], Histogram]:
    found: dict[tuple[str, ...], Histogram] = {}
    for one in attempts:
        found.setdefault((one.definition, one.service, one.operation), Histogram(names.FAST)).add(one.seconds)
    return found


def _sums(numbers: Numbers) -> Numbers:
    """Adds up the values that share their labels, as `other` is shared."""
    found: dict[tuple[str, ...], float] = {}
    for labels, value in numbers:
        found[labels] = found.get(labels, 0) + value
    return found.items()


def _counter(metric: Metric, values: Numbers) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _gauge(metric: Metric, values: Numbers) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, values: Histograms) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value.buckets(), sum_value=value.total)
    return family
