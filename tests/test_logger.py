"""Saga's log lines inside an application: as the application logs, and quiet if it configures nothing."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from saga import Context, Definition, Participant, Reject, Retry, connect, logger, logs
from saga.logger import LOSS_SECONDS, get_logger, lost_lines
from saga.ports.url.passwords import without_passwords
from saga.settings import Settings
from tests.telemetry.scrape import probe

PROGRAM = """
import asyncio, logging, sys
import saga

if sys.argv[1:]:
    logging.basicConfig(level=sys.argv[1], format="%(levelname)s %(name)s %(message)s")
shop = saga.Participant("shop")

@shop.step(external=True)
async def sell(quantity: int, ctx: saga.Context) -> int:
    ctx.log.info("selling")
    raise saga.Reject("sold out")

order = saga.Definition("order", input=int)
order.step("shop.sell")

async def main():
    async with saga.connect(store="memory://logger") as sagas, sagas.serve(shop):
        await (await sagas.start(order, 1)).result(10)
    saga.logger.get_logger("saga").warning("that was all", url="postgresql://ann:s3cret@host/shop")

import saga.logger
asyncio.run(main())
"""


def run(*level: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, *level], capture_output=True, text=True, check=True)


def test_an_application_that_configures_no_logging_sees_warnings_only() -> None:
    ran = run()

    assert (ran.stdout, ran.stderr) == ("", "that was all url=postgresql://ann:***@host/shop\n")


def test_an_application_that_configures_logging_gets_the_lines_of_its_level() -> None:
    lines = run("INFO").stderr.splitlines()

    assert any(line.startswith("INFO saga.handler selling saga=") for line in lines)
    assert any(line.startswith("INFO saga.process saga ended ") for line in lines)
    assert not any("step rejected" in line for line in lines)
    assert "DEBUG saga.participant step rejected" in run("DEBUG").stderr


@pytest.fixture
def unconfigured() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("unconfigured")
def test_structlog_is_used_from_the_moment_it_is_configured(caplog: pytest.LogCaptureFixture) -> None:
    log = get_logger("saga")
    log.warning("before")

    with structlog.testing.capture_logs() as captured:
        log.info("after", step="pay")

    assert [record.message for record in caplog.records] == ["before"]
    assert captured == [{"event": "after", "step": "pay", "log_level": "info"}]


@pytest.mark.usefixtures("unconfigured")
def test_an_exception_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise LookupError("no such card")
    except LookupError:
        get_logger("saga").exception("failed %s", "twice")

    (record,) = caplog.records
    assert (record.message, record.levelno) == ("failed twice", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@host/shop",
        "postgresql://ann:@s3@cret@host/shop",
        "postgresql://ann:1/s3cret@host/shop",
        "postgresql://ann:1#s3cret@host/shop",
        "postgresql://ann:1?s3cret@host/shop",
        "postgresql://ann@server:s3cret@host/shop",
        "postgresql://:s3cret@host/shop",
        "postgresql://host/shop?user=ann&password=s3cret&x=1",
        "kinesis://host?aws_secret_access_key=s3cret",
        "kafka://ann:p@host,postgresql://ann:s3cret@host/shop",
        '{"url":"postgresql://ann:s3cret@host/shop","mail":"ann@host"}',
    ],
)
def test_no_piece_of_a_password_is_shown(url: str) -> None:
    shown = without_passwords(f"calling {url} now")

    assert not any(piece in shown for piece in ("s3", "cret@", "3cret"))
    assert "***" in shown
    assert "host" in shown


@pytest.mark.parametrize(
    "text",
    ["postgresql://host:5432/shop", "https://ann@host/x", '{"a":"https://host","b":"c:d@e"}', "at 10:30 ann@host"],
)
def test_a_text_without_a_password_stays_as_it_is(text: str) -> None:
    assert without_passwords(text) == text


class Full(io.StringIO):
    """A stream on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No line is lost yet, and none is after the test."""
    monkeypatch.setattr(logger, "_losses", logger._Losses())
    handlers = logging.getLogger().handlers
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers


@pytest.mark.usefixtures("losses")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_that_cannot_be_written_is_lost_and_reported(log_format: logs.Format) -> None:
    logs.configure(log_format, "info", stream=Full())
    assert lost_lines() is None

    get_logger("saga").info("saga ended")
    get_logger("saga").bind(step="pay").info("charging")
    structlog.get_logger("shop").info("a line of the application")
    logging.getLogger("asyncpg").warning("a line of a library")

    assert lost_lines() == "cannot be written, lost lines: 4 (OSError: [Errno 28] No space left on device)"


@pytest.mark.usefixtures("losses")
def test_a_logger_of_the_application_that_fails_stops_nothing() -> None:
    def broken(_: object, __: str, event: MutableMapping[str, Any]) -> str:
        raise KeyError(event["event"])

    structlog.configure(processors=[broken])

    log = get_logger("saga").bind(saga=1)
    log.warning("that was all")
    log.unbind("saga").error("and more")

    assert lost_lines() == "cannot be written, lost lines: 2 (KeyError: 'and more')"


@pytest.mark.usefixtures("losses")
def test_a_lost_line_matters_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    logger.note_lost_line(ValueError("closed"))
    assert lost_lines() is not None

    monkeypatch.setattr(logger._losses, "at", logger._losses.at - LOSS_SECONDS)

    assert lost_lines() is None
    logger.note_lost_line(ValueError("closed"))
    assert "lost lines: 1 (" in str(lost_lines())


@pytest.mark.usefixtures("losses")
async def test_work_goes_on_without_a_log_and_readiness_says_so() -> None:
    service, calls = Participant("service"), list[str]()

    @service.step(external=True, read_only=True)
    async def work(what: str, ctx: Context) -> str:
        calls.append(what)
        ctx.log.info("at work")
        if what == "fails once" and len(calls) == 1:
            raise RuntimeError
        if what == "rejects":
            raise Reject("no")
        return what

    definition = Definition("quiet", input=str)
    definition.step("service.work", retry=Retry(attempts=2, first="10ms"))
    logs.configure("json", "debug", stream=Full())
    settings = Settings(store=SecretStr("memory://quiet"), http="127.0.0.1:0", drain=1)
    async with connect(settings=settings) as sagas, sagas.serve(service), sagas.endpoint() as address:
        endings = [
            (await (await sagas.start(definition, what)).result(10)).status
            for what in ("fails once", "rejects", "works")
        ]
        assert address is not None
        status, health = await probe(address, "/readyz")

    assert endings == ["completed", "compensated", "completed"]
    assert calls == ["fails once", "fails once", "rejects", "works"]
    assert status == 503
    assert "No space left on device" in health["log"]
