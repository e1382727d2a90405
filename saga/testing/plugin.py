"""A fixture for pytest. In the `conftest.py` at the root of your tests: `pytest_plugins = ["saga.testing.plugin"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from saga.testing.scenario.harness import Harness, harness

OpenHarness: TypeAlias = Callable[..., Harness[Any]]
"""Takes what `saga.testing.harness` takes, and returns an open harness."""


@pytest.fixture
def saga_harness() -> Iterator[OpenHarness]:
    """Opens harnesses, and closes them after the test: `shop = saga_harness(order, inventory, "payments")`.

    It is not asynchronous, and works with every plugin for asynchronous tests. If the test fails, the story of every saga is
    printed.
    """
    opened: list[Harness[Any]] = []

    def open_harness(*arguments: Any, **options: Any) -> Harness[Any]:
        opened.append(harness(*arguments, **options).open())
        return opened[-1]

    yield open_harness
    for each in opened:
        print(each.story())  # noqa: T201 (pytest shows it where a test fails)
        each.close()
