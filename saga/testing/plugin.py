"""A fixture for pytest. In the `conftest.py` at the root of your tests: `pytest_plugins = ["saga.testing.plugin"]`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, TypeAlias

import pluggy
import pytest

from saga.testing.scenario.harness import Harness, harness

OpenHarness: TypeAlias = Callable[..., Harness[Any]]
"""Takes what `saga.testing.harness` takes, and returns an open harness."""
_OPENED: Final = pytest.StashKey[list[Harness[Any]]]()


@pytest.fixture
def saga_harness(request: pytest.FixtureRequest) -> Iterator[OpenHarness]:
    """Opens harnesses, and closes them after the test: `shop = saga_harness(order, inventory, "payments")`.

    It is not asynchronous, and works with every plugin for asynchronous tests. The report of a test that fails has the story of
    every saga.
    """
    opened = request.node.stash[_OPENED] = list[Harness[Any]]()

    def open_harness(*arguments: Any, **options: Any) -> Harness[Any]:
        opened.append(harness(*arguments, **options).open())
        return opened[-1]

    yield open_harness
    for each in opened:
        each.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    """Adds the stories to the report of a test that fails."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        stories = [each.story() for each in item.stash.get(_OPENED, [])]
        if stories:
            report.sections.append(("sagas of the test", "\n\n".join(stories)))
