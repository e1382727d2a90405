"""kafka:// URLs: their options, and how wrong ones are refused."""

from __future__ import annotations

import pytest

from saga import registry
from saga.errors import UsageError
from saga.ports.url.adapter_url import shown
from saga.settings import load
from saga.testing.suites.url import UrlSuite
from saga_kafka.options import OPTIONS, Options

SECRET = "s3cret"  # noqa: S105


class TestKafkaUrl(UrlSuite):
    url = "kafka://a:1,b:2"
    options = OPTIONS

    def read(self, url: str) -> Options:
        return Options.read(url)


def test_the_defaults_are_safe() -> None:
    options = Options.read("kafka://broker")

    assert options.servers == ("broker:9092",)
    assert (options.replication, options.min_insync, options.create) == (3, 2, False)


def test_a_url_has_several_servers_and_the_settings_of_topics() -> None:
    options = Options.read(
        "kafka://a:1,b:2,[::1]:3?prefix=shop.&partitions=6&replication=2&retention=1d&session=45s&instance=pod-1"
    )

    assert options.servers == ("a:1", "b:2", "[::1]:3")
    assert (options.prefix, options.partitions, options.replication, options.min_insync) == ("shop.", 6, 2, 1)
    assert (options.retention_ms, options.session_ms, options.instance) == (86_400_000, 45_000, "pod-1")


def test_credentials_may_have_any_character_and_are_never_shown() -> None:
    options = Options.read(f"kafka+ssl://al%40ice:{SECRET}%2F%23@broker")

    assert (options.user, options.password, options.is_tls) == ("al@ice", f"{SECRET}/#", True)
    assert options.client()["security_protocol"] == "SASL_SSL"
    assert SECRET not in repr(options) + options.place


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("kafka://a/topic", "?prefix=..."),
        ("kafka://a?partitions=0", "partitions must be a whole number from 1 to 10000"),
        ("kafka://a?replication=2&min_insync=3", "min_insync=3 of 2"),
        ("kafka://a?session=1s", "a duration from 6s to 30m"),
        ("kafka://a?create=perhaps", "create must be 1 or 0"),
        ("kafka://a?prefix=sh%20op", "prefix must be at most 100 letters"),
        ("kafka://u:p@a?mechanism=GSSAPI", "mechanism must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ("kafka://u:p@a?mechanism=PLAIN", "kafka+ssl"),
        ("kafka://a?ca=/tls/ca.pem", "kafka+ssl"),
        ("kafka+ssl://a?cert=/tls/cert.pem", "go together"),
    ],
)
def test_a_wrong_url_is_refused_with_the_way_out(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"kafka(\+ssl)?://") as caught:
        Options.read(url)

    assert message in str(caught.value)


def test_a_missing_tls_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"/nowhere/ca\.pem"):
        Options.read("kafka+ssl://a?ca=/nowhere/ca.pem").client()


def test_both_schemes_open_a_bus_and_a_doctor() -> None:
    for scheme in ("kafka", "kafka+ssl"):
        assert registry.open_bus(f"{scheme}://a", "saga") is not None
        assert registry.open_doctor(f"{scheme}://a", "saga") is not None


def test_the_settings_accept_a_bus_of_several_servers() -> None:
    settings = load(store="postgresql://unused", bus="kafka://a:1,b:2")

    assert settings.bus is not None
    assert shown(settings.bus.get_secret_value()) == "kafka://a:1,b:2"


def test_the_settings_refuse_a_password_that_would_be_read_as_a_port() -> None:
    with pytest.raises(UsageError, match="%XX") as caught:
        load(store="postgresql://unused", bus=f"kafka://user:{SECRET}/{SECRET}@a:1,b:2")

    assert SECRET not in str(caught.value)
