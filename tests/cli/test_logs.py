"""Log lines: for programs and for people, with the saga and the step, and never a password."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog

from saga import logs
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import Claim
from saga.runtime.handlers.context import Context, current_step

SAGA = UUID(int=7)


@pytest.fixture
def configured() -> Iterator[Callable[..., io.StringIO]]:
    """Sets up logs that go into the stream it returns."""
    handlers = logging.getLogger().handlers

    def configure(log_format: logs.Format = "json", level: logs.Level = "info") -> io.StringIO:
        stream = io.StringIO()
        logs.configure(log_format, level, stream=stream)
        return stream

    yield configure
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers
    current_step.set(None)


@pytest.fixture
def step() -> None:
    """Pretends that the running task executes a step."""
    state = State(Phase.RUNNING, "D", rollback_requested=False, paused=False, deadline=None, reason=None)
    claim = Claim(
        saga=SAGA, step=0, operation=Operation.EXECUTE, number=1, definition=1, version=1, state=state, waiter=None,
        input=b"{}", results={}, deliveries=2, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
    current_step.set(Context(claim, "charge"))


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_line_for_programs_is_one_json_object(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    structlog.get_logger("saga").info("saga ended", saga=SAGA, outcome="completed")

    line = only_line(stream)
    assert list(line) == ["at", "level", "event", "saga", "outcome"]
    assert (line["event"], line["saga"]) == ("saga ended", str(SAGA))


def test_a_value_that_is_not_json_is_shown_as_its_repr(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    structlog.get_logger("saga").info("odd", value=object)

    assert only_line(stream)["value"] == "<class 'object'>"


def test_below_the_level_nothing_is_written(configured: Callable[..., io.StringIO]) -> None:
    stream = configured(level="warning")

    structlog.get_logger("saga").info("saga ended")
    logging.getLogger("shop").info("sold")

    assert stream.getvalue() == ""


@pytest.mark.usefixtures("step")
def test_a_line_from_within_a_step_says_which(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    structlog.get_logger("shop").info("charging")

    line = only_line(stream)
    assert (line["saga"], line["step"], line["attempt"]) == (str(SAGA), "charge", 2)


@pytest.mark.usefixtures("step")
def test_other_libraries_log_in_the_same_way(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    logging.getLogger("shop.provider").warning("slow: %s s", 3)

    line = only_line(stream)
    assert (line["event"], line["logger"], line["level"]) == ("slow: 3 s", "shop.provider", "warning")
    assert (line["saga"], line["step"]) == (str(SAGA), "charge")


@pytest.mark.usefixtures("step")
def test_a_line_about_another_saga_keeps_it(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    structlog.get_logger("saga").info("saga ended", saga="another")

    line = only_line(stream)
    assert line["saga"] == "another"
    assert "step" not in line


def test_an_exception_is_part_of_its_line(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    try:
        raise LookupError("no such card")
    except LookupError:
        assert "no such card" in traceback.format_exc()
        structlog.get_logger("shop").exception("failed")

    assert "LookupError: no such card" in only_line(stream)["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_passwords_of_urls_are_masked(configured: Callable[..., io.StringIO], log_format: logs.Format) -> None:
    stream = configured(log_format)

    structlog.get_logger("shop").info("calling", url="https://ann:very-secret@provider/charges")
    logging.getLogger("shop").warning("retrying postgresql://ann:very-secret@host/shop")

    assert "very-secret" not in stream.getvalue()
    assert stream.getvalue().count("ann:***@") == 2


def test_without_a_terminal_auto_means_json(configured: Callable[..., io.StringIO]) -> None:
    stream = configured("auto")

    structlog.get_logger("saga").info("connected")

    assert only_line(stream)["event"] == "connected"


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError


def test_a_value_without_a_text_is_named_by_its_class(configured: Callable[..., io.StringIO]) -> None:
    for log_format in ("json", "console"):
        stream = configured(log_format)
        structlog.get_logger("saga").info("odd", value=Unprintable())
        assert "Unprintable without a text" in stream.getvalue()


def test_half_a_character_is_written_as_an_escape(configured: Callable[..., io.StringIO]) -> None:
    stream = configured()

    structlog.get_logger("saga").info("odd \ud800", value={"name": "file \udce9"}, number=7)

    assert only_line(stream)["event"] == "odd \\ud800"


def test_people_see_control_characters_as_escapes(configured: Callable[..., io.StringIO]) -> None:
    stream = configured("console")

    structlog.get_logger("saga").warning("red \x1b[31m", error="title \x1b]0;x\x07", exception="one\ntwo \x9b2J")

    assert "\x1b" not in stream.getvalue()
    assert "\x9b" not in stream.getvalue()
    assert "red \\x1b[31m" in stream.getvalue()
    assert "one\ntwo \\x9b2J" in stream.getvalue()


def test_a_stream_that_is_not_unicode_gets_escapes(configured: Callable[..., io.StringIO]) -> None:
    configured()
    raw = io.BytesIO()
    logs.configure("console", "info", stream=io.TextIOWrapper(raw, encoding="ascii"))

    structlog.get_logger("saga").info("ошибка")

    assert b"\\u043e\\u0448" in raw.getvalue()
