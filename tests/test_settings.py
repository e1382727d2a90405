"""Settings: where they come from, and how wrong ones are told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

import saga
from saga.errors import UsageError
from saga.settings import NoStore, Settings, load

STORE = "postgresql://localhost/shop"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with nothing in it and nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("SAGA_STORE", "SAGA_BUS", "SAGA_NAMESPACE", "SAGA_CONFIG", "SAGA_ELECTION", "SAGA_ALSO_CONSUME"):
        monkeypatch.delenv(name, raising=False)
    structlog.reset_defaults()
    return tmp_path


def refusal(**overrides: object) -> str:
    with pytest.raises(UsageError) as refused:
        load(**overrides)
    return str(refused.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("signning", "signing"), ("drian", "drain"), ("log-level", "log_level"), ("SAGA_BUS", "bus"), ("Store", "store")],
)
def test_a_word_of_the_file_that_is_not_a_setting_is_refused_with_the_nearest(
    folder: Path, written: str, meant: str
) -> None:
    (folder / "saga.yaml").write_text(f"store: {STORE}\n{written}: 10s\n")

    assert refusal() == f"saga.yaml: there is no setting {written!r}. Did you mean {meant}?"


def test_all_unknown_words_are_named_at_once(folder: Path) -> None:
    (folder / "saga.yaml").write_text("drian: 45s\nzzz: 1\n")

    assert (
        refusal(store=STORE) == "saga.yaml: there is no setting 'drian'. Did you mean drain?\nthere is no setting 'zzz'"
    )


def test_an_argument_that_is_not_a_setting_is_refused_with_the_nearest() -> None:
    assert "there is no setting 'drian'. Did you mean drain?" in refusal(store=STORE, drian="3s")


def test_a_variable_that_is_not_a_setting_is_logged_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SAGA_DRIAN", "3s")

    load(store=STORE)

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message == "the environment variable SAGA_DRIAN is not a setting. Did you mean SAGA_DRAIN?"


@pytest.mark.parametrize(
    "name", ["SAGA_LEASE", "saga_lease", "SAGA_TEST_POSTGRES_URL", "SAGA_SERVICE_HOST", "SAGA_STORE_PORT_5432_TCP_ADDR"]
)
def test_a_variable_that_means_something_is_not_mentioned(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, "3s")

    load(store=STORE)

    assert caplog.records == []


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAGA_BUS", "SAGA_LEASE", "SAGA_CONFIG"):
        monkeypatch.setenv(name, "")

    settings = load(store=STORE)

    assert (settings.bus, settings.lease) == (None, 30.0)


def test_a_url_is_read_without_the_end_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_STORE", f" {STORE}\n")

    assert load().store.get_secret_value() == STORE


def test_a_file_that_was_asked_for_must_be_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_CONFIG", "nowhere.yaml")
    assert refusal() == "SAGA_CONFIG names nowhere.yaml, which does not exist"

    monkeypatch.setenv("SAGA_CONFIG", str(folder))
    assert refusal() == f"SAGA_CONFIG names {folder}, which is a folder"


def test_a_list_that_is_not_json_is_refused_with_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_ALSO_CONSUME", "kafka://ann:s3cret@host")

    message = refusal(store=STORE)

    assert 'also_consume"; a list is written as JSON: ["kafka://' in message
    assert "s3cret" not in message


@pytest.mark.parametrize("store", [5, Path("shop.db"), object()])
def test_a_store_that_is_not_a_text_is_refused_by_its_name(store: object) -> None:
    assert refusal(store=store) == "settings cannot be read: store: Input should be a valid string"


def test_no_store_is_an_error_of_its_own() -> None:
    with pytest.raises(NoStore, match="SAGA_STORE"):
        load()


@pytest.mark.parametrize("name", ["bus", "election"])
@pytest.mark.parametrize("place", ["the environment", "the file"])
def test_a_memory_store_ignores_the_servers_of_a_weaker_source(
    name: str, place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "the file":
        (folder / "saga.yaml").write_text(f"{name}: kafka://production:9092\nlease: 7s\n")
    else:
        monkeypatch.setenv(f"SAGA_{name.upper()}", "kafka://production:9092")
        monkeypatch.setenv("SAGA_LEASE", "7s")

    settings = load(store="memory://booked")

    assert getattr(settings, name) is None
    assert settings.lease == 7.0


def test_a_memory_store_reads_no_old_bus_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_ALSO_CONSUME", '["kafka://production:9092"]')

    assert Settings(store=SecretStr("memory://booked")).also_consume == []


@pytest.mark.parametrize("name", ["bus", "election", "also_consume"])
def test_a_memory_store_with_a_server_beside_it_is_refused(name: str) -> None:
    given = ["kafka://host:9092"] if name == "also_consume" else "kafka://host:9092"

    message = refusal(store="memory://booked", **{name: given})

    assert f"{name} names a server, but the store is memory://" in message
    assert f"leave out {name}, or use a postgresql:// store" in message


def test_a_memory_store_and_a_server_in_one_place_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_STORE", "memory://booked")
    monkeypatch.setenv("SAGA_BUS", "kafka://production:9092")

    assert "bus names a server" in refusal()


def test_a_memory_store_takes_a_memory_bus() -> None:
    assert load(store="memory://booked", bus="memory://other", also_consume=["memory://old"]).bus is not None


async def test_settings_and_single_settings_together_are_refused() -> None:
    with pytest.raises(UsageError, match=r"settings= and store=, namespace=, which the settings contain: give one"):
        await saga.connect(settings=load(store=STORE), store=STORE, namespace="shop").__aenter__()
