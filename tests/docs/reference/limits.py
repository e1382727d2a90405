"""docs/reference/limits.md, from the constants of the code."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from saga.api import guard, server, tokens
from saga.api import limits as rates
from saga.api.calls import reading, watching
from saga.api.grpc import server as grpc_server
from saga.api.live import watcher
from saga.api.rest import installation
from saga.authoring.durations import COMPENSATION_BUDGET, STEP_TIMEOUT
from saga.authoring.retry import DEFAULT_ATTEMPTS
from saga.client import event_values
from saga.core import text
from saga.core.check.limits import ATTEMPTS_MAX, TIMEOUT_MS_MAX
from saga.core.definition import graph, names
from saga.core.definition.paths import INTEGER_MAX, TEMPLATE_DEPTH_MAX
from saga.core.duration import DURATION_MS_MAX, duration_text
from saga.inspection.query import parser, search
from saga.ports import inbox, listing
from saga.ports import saga_detail as case
from saga.ports.access import tokens as access
from saga.runtime import redrive
from saga.runtime.claims import claim_heartbeat, isolation, misfits, poller
from saga.runtime.commit import outcome_queue
from saga.runtime.handlers.participant import CONCURRENCY_DEFAULT, CONCURRENCY_MAX
from saga.runtime.handlers.step_handler import RESULT_BYTES_MAX
from saga.runtime.planning import start_values
from tests.docs.reference.markdown import AGAIN, table

_LIMITS: Final[tuple[tuple[str, object, str], ...]] = (
    ("Steps in a definition", graph.STEPS_MAX, "`saga.core.definition.graph.STEPS_MAX`"),
    ("Predecessors in a definition, all steps together", graph.EDGES_MAX, "`saga.core.definition.graph.EDGES_MAX`"),
    (
        "Bytes of a definition in canonical form",
        graph.DEFINITION_BYTES_MAX,
        "`saga.core.definition.graph.DEFINITION_BYTES_MAX`",
    ),
    ("Characters of a name", names.NAME_CHARS_MAX, "`saga.core.definition.names.NAME_CHARS_MAX`"),
    ("Longest duration", duration_text(DURATION_MS_MAX), "`saga.core.duration.DURATION_MS_MAX`"),
    ("Largest whole number in a template", INTEGER_MAX, "`saga.core.definition.paths.INTEGER_MAX`"),
    ("Levels of a template", TEMPLATE_DEPTH_MAX, "`saga.core.definition.paths.TEMPLATE_DEPTH_MAX`"),
    ("Bytes of an event's payload", event_values.PAYLOAD_BYTES_MAX, "`saga.client.event_values.PAYLOAD_BYTES_MAX`"),
    ("Characters of an event's id", event_values.EVENT_ID_CHARS_MAX, "`saga.client.event_values.EVENT_ID_CHARS_MAX`"),
    ("Events of a saga", inbox.EVENTS_MAX, "`saga.ports.inbox.EVENTS_MAX`"),
    ("Bytes of the payloads of a saga's events", inbox.EVENTS_BYTES_MAX, "`saga.ports.inbox.EVENTS_BYTES_MAX`"),
    ("Bytes of a saga's input", start_values.INPUT_BYTES_MAX, "`saga.runtime.planning.start_values.INPUT_BYTES_MAX`"),
    ("Bytes of a step's result", RESULT_BYTES_MAX, "`saga.runtime.handlers.step_handler.RESULT_BYTES_MAX`"),
    ("Characters of a start key", start_values.KEY_CHARS_MAX, "`saga.runtime.planning.start_values.KEY_CHARS_MAX`"),
    (
        "Bytes of a saga's tags as JSON",
        start_values.TAGS_BYTES_MAX,
        "`saga.runtime.planning.start_values.TAGS_BYTES_MAX`",
    ),
    ("Attempts in `Retry(attempts=)`", ATTEMPTS_MAX, "`saga.core.check.limits.ATTEMPTS_MAX`"),
    ("Longest timeout of one attempt", duration_text(TIMEOUT_MS_MAX), "`saga.core.check.limits.TIMEOUT_MS_MAX`"),
    ("Largest `Participant(concurrency=)`", CONCURRENCY_MAX, "`saga.runtime.handlers.participant.CONCURRENCY_MAX`"),
    (
        "Seconds that a command is left to other builds",
        misfits.LEFT_SECONDS_MAX,
        "`saga.runtime.claims.misfits.LEFT_SECONDS_MAX`",
    ),
    ("Handlers at once in a process, for each participant", CONCURRENCY_DEFAULT, "`Participant(concurrency=)`"),
    ("Attempts of a transactional or journaled step", DEFAULT_ATTEMPTS.execute, "`Retry(attempts=)`"),
    ("Attempts of one that only goes forward", DEFAULT_ATTEMPTS.forward, "`Retry(attempts=)`"),
    ("Attempts of an external step", "the saga's deadline is the limit", "`Retry(attempts=)`"),
    ("Attempts of a compensation", "its budget is the limit", "`Retry(attempts=)`"),
    ("Timeout of one attempt", STEP_TIMEOUT, "`step(timeout=)`"),
    ("Compensation budget", COMPENSATION_BUDGET, "`Definition(compensation_budget=)`"),
    (
        "Deliveries without an answer, before an attempt is isolated",
        isolation.SUSPECT_AFTER,
        "`saga.runtime.claims.isolation.SUSPECT_AFTER`",
    ),
    (
        "Isolated attempts without an answer",
        isolation.ISOLATED_ATTEMPTS_MAX,
        "`saga.runtime.claims.isolation.ISOLATED_ATTEMPTS_MAX`",
    ),
    (
        "Bytes of the progress in a heartbeat",
        claim_heartbeat.PROGRESS_BYTES_MAX,
        "`saga.runtime.claims.claim_heartbeat.PROGRESS_BYTES_MAX`",
    ),
    ("Characters of a stored reason or error", text.TEXT_CHARS_MAX, "`saga.core.text.TEXT_CHARS_MAX`"),
    ("Sagas in one commit", outcome_queue.BATCH_SAGAS_MAX, "`saga.runtime.commit.outcome_queue.BATCH_SAGAS_MAX`"),
    (
        "Outcomes that may wait for their commit while more is polled",
        poller.UNSETTLED_MAX,
        "`saga.runtime.claims.poller.UNSETTLED_MAX`",
    ),
    ("Commands in one poll", poller.POLLED_AT_ONCE, "`saga.runtime.claims.poller.POLLED_AT_ONCE`"),
    ("Overdue sagas in one redrive", redrive.OVERDUE_MAX, "`saga.runtime.redrive.OVERDUE_MAX`"),
    ("Lines of history shown", case.HISTORY_LINES_MAX, "`saga.ports.saga_detail.HISTORY_LINES_MAX`"),
    ("Sagas in a list", listing.LINES_MAX, "`saga.ports.listing.LINES_MAX`"),
)


_API: Final[tuple[tuple[str, ModuleType, str], ...]] = (
    ("Bytes of a request's body, or of a message over gRPC", guard, "BODY_BYTES_MAX"),
    ("Levels of the JSON in it", guard, "DEPTH_MAX"),
    ("Bytes of an event's payload", event_values, "PAYLOAD_BYTES_MAX"),
    ("Characters of an event's id", event_values, "EVENT_ID_CHARS_MAX"),
    ("Bytes of a query", parser, "QUERY_BYTES_MAX"),
    ("Terms of a query", parser, "TERMS_MAX"),
    ("Sagas that one search reads", search, "ROWS_MAX"),
    ("Seconds of one search", search, "SECONDS_MAX"),
    ("Entries in a page, without `limit`", reading, "PAGE"),
    ("Largest `limit`", reading, "PAGE_MAX"),
    ("Sagas, and commands of each service, that counts look at", installation, "SURVEY_SAGAS_MAX"),
    ("Seconds of `wait` for a result", reading, "WAIT_SECONDS_MAX"),
    ("Streams of a token, or of a browser that has signed in", rates, "STREAMS_OF_A_SENDER_MAX"),
    ("Streams of a process", watcher, "STREAMS_MAX"),
    ("Seconds of a stream, after which the client connects again", watching, "STREAM_SECONDS_MAX"),
    ("Connections over HTTP at a time", server, "CONNECTIONS_MAX"),
    ("Calls over gRPC at a time", grpc_server, "CALLS_MAX"),
    ("Senders whose rates a process remembers", rates, "SENDERS_MAX"),
    ("Characters of a token's name", access, "NAME_CHARS_MAX"),
    ("Seconds after which a revoked token is refused", tokens, "KEPT_SECONDS"),
    ("Seconds that a browser stays signed in", tokens, "SESSION_SECONDS"),
    ("Browsers that are signed in with one token", access, "SESSIONS_MAX"),
)


def limits() -> str:
    rows = [(what, f"{value:,}" if isinstance(value, int) else value, where) for what, value, where in _LIMITS]
    of_api = [(what, _shown(getattr(module, name)), f"`{module.__name__}.{name}`") for what, module, name in _API]
    of_rates = [(one.value.name, f"{one.value.per_second:,}", f"{one.value.at_once:,}") for one in rates.Kind]
    return f"""\
# Limits and defaults

Generated from the constants of the code. {AGAIN}

Each limit has a name. Limits that you can set are arguments; those of a process are [settings](settings.md). A value over its limit is
refused, and the message names the limit; a text that is only shown is cut off.

{table(("What", "Value", "Where"), rows)}

## The API

Each process that serves it counts for itself. More than that is refused with the problem `too-large`, `too-many` or `usage`.

{table(("What", "Value", "Where"), of_api)}

Requests of one sender, in `saga.api.limits.Kind`. Failures are requests with a token that is not valid, counted by network address:

{table(("Requests", "A second", "At once, after a pause"), of_rates)}
"""


def _shown(value: float) -> str:
    return f"{value:,}"
