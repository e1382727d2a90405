"""The stories that a reviewer wants to read. SAGA_REWRITE=1 accepts what is decided now; the diff is the review."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.core.trace import replay

TRACES = sorted((Path(__file__).parent / "traces").glob("*.txt"))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_saga_takes_the_course_that_was_reviewed(path: Path) -> None:
    written = path.read_text()
    decided = replay(written)
    if os.environ.get("SAGA_REWRITE") == "1":
        path.write_text(decided)
    else:
        assert decided == written
