"""A Kafka of one broker for each test process, and a topic prefix for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.services import kafka as services
from tests.services.places import or_skip


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[str]:
    with or_skip(services.kafka()) as url:
        yield url


@pytest.fixture
def kafka_url(kafka_server: str) -> str:
    """The URL of a bus with topics and groups for this test alone."""
    return f"{kafka_server}&prefix=t{uuid.uuid4().hex[:12]}."
