"""The short form of `make chaos`: real processes, real servers, one fault after the other, and kills all the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import closing
from tests.chaos.run import Figures, Plan, run
from tests.chaos.system.disk import NoDisk, disk

SHORT = Plan(60, seed=5, rate=120, open_max=240, kill_every_seconds=0.5)
HITS_MIN = 10


@pytest.mark.timeout(240)
async def test_faults_lose_nothing_duplicate_nothing_and_leave_nothing_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages: list[str] = []

    figures = await run(SHORT, tmp_path, messages.append)

    with capsys.disabled():
        print("", *figures.lines(), sep="\n")
    assert figures.verdict.violations == {}, "\n".join([*messages, *figures.lines()])
    assert figures.kills.hits >= HITS_MIN


def test_a_run_that_shows_too_little_fails_with_a_reason() -> None:
    messages, code = closing(Figures(SHORT, faulty_seconds=40.0))

    assert code == 1
    assert messages[-7:] == [
        "shows too little: 0 sagas/s, at least 200 are wanted",
        "shows too little: 0 kills hit held claims, at least 30 are wanted",
        "shows too little: 0 events consumed, at least 30 are wanted",
        "shows too little: 0 completions consumed, at least 30 are wanted",
        "shows too little: 0 timeouts, at least 30 are wanted",
        "shows too little: 0 sagas cancelled, at least 30 are wanted",
        "shows too little: 0 reminders, at least 30 are wanted",
    ]


def test_a_disk_is_full_until_it_is_relieved() -> None:
    try:
        with disk() as small:
            small.fill()
            with pytest.raises(OSError, match="No space left"):
                (small.folder / "more").write_bytes(bytes(100_000))

            small.relieve()

            (small.folder / "more").write_bytes(bytes(100_000))
    except NoDisk as error:
        pytest.skip(f"nothing can be mounted here, so no disk is filled: {error}")
