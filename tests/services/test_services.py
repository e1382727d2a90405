"""`python -m tests.services` starts servers, prints their URLs, and stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg

from tests.runtime.world import until

ROOT = Path(__file__).parents[2]


async def test_a_server_runs_at_its_printed_url_until_it_is_stopped(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAGA_TEST_")}
    with out.open("wb") as printed:
        process = subprocess.Popen(  # noqa: ASYNC220 (starting it does not wait)
            [sys.executable, "-m", "tests.services", "postgres"], cwd=ROOT, stdout=printed, env=environment
        )
    try:
        await until(lambda: "# Ctrl-C" in out.read_text(), "it is up", seconds=60)
        url = out.read_text().partition("export SAGA_TEST_POSTGRES_URL='")[2].partition("'")[0]
        connection = await asyncpg.connect(url)
        await connection.close()
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None, "it has ended", seconds=30)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_an_unknown_server_is_refused_with_the_known_ones() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.services", "oracle"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "oracle" in ran.stderr
    assert "postgres, kafka" in ran.stderr


def test_the_ci_fails_if_a_server_is_missing(tmp_path: Path) -> None:
    environment = {**os.environ, "CI": "true", "PATH": str(tmp_path), "DOCKER_HOST": "tcp://127.0.0.1:9"}
    environment.pop("SAGA_TEST_KAFKA_URL", None)

    ran = subprocess.run(
        [sys.executable, "-m", "tests.services", "kafka"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert "java is not on PATH" in ran.stdout
