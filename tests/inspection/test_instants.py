"""Times in documents: numbers for commands, texts for the API."""

from __future__ import annotations

import json

import pytest

from saga.inspection.instants import Instant, with_texts


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000.123, "2027-01-15T08:00:00.123Z"),
        (1.9999999, "1970-01-01T00:00:01.999Z"),
    ],
)
def test_a_time_is_a_number_and_a_text(at: float, text: str) -> None:
    document = {"at": Instant(at), "more": [{"at": Instant(at)}], "count": 1.5}

    assert json.loads(json.dumps(document)) == {"at": at, "more": [{"at": at}], "count": 1.5}
    assert with_texts(document) == {"at": text, "more": [{"at": text}], "count": 1.5}
