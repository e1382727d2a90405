"""A NATS of one server for each test process, and a prefix of the subjects for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.services import nats as services
from tests.services.places import or_skip


@pytest.fixture(scope="session")
def nats_server() -> Iterator[str]:
    with or_skip(services.nats()) as url:
        yield url


@pytest.fixture
def nats_url(nats_server: str) -> str:
    """The URL of a bus with streams and groups for this test alone."""
    return f"{nats_server}&prefix=t{uuid.uuid4().hex[:12]}."
