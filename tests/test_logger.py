"""Saga's log lines inside an application: as the application logs, and quiet if it configures nothing."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from saga.logger import get_logger
from saga.ports.url.passwords import without_passwords

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
