"""`saga bus ensure` where no topic is missing. The buses with topics have their own tests."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


def test_a_bus_that_creates_its_own_topics_lacks_none(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_BUS", "memory://")

    ran = command("bus", "ensure", "stock", "--store", "postgresql://unused")

    assert (ran.code, ran.out, ran.err) == (0, "no topic was missing\n", "")


def test_ensuring_without_a_bus_says_how_to_name_one(command: Command) -> None:
    ran = command("bus", "ensure", "stock", "--store", "postgresql://unused")

    assert ran.code == 2
    assert "SAGA_BUS" in ran.err


def test_a_bus_without_an_adapter_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_BUS", "pigeon://loft")

    ran = command("bus", "ensure", "stock", "--store", "postgresql://unused")

    assert ran.code == 2
    assert "pigeon://" in ran.err
