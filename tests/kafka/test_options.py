"""What a kafka:// URL may say, and what it is told when it says something else."""

from __future__ import annotations

import pytest

from saga import registry
from saga.app import address
from saga.errors import UsageError
from saga.settings import load
from saga_kafka.options import Options

SECRET = "s3cret"  # noqa: S105


def test_what_a_url_leaves_out_is_safe() -> None:
    options = Options.read("kafka://broker")

    assert options.servers == ("broker:9092",)
    assert (options.replication, options.min_insync, options.create) == (3, 2, False)


def test_a_url_has_several_servers_and_says_what_topics_are_like() -> None:
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
    ("url", "said"),
    [
        ("kafka://a?replicaton=3", "replicaton"),
        ("kafka://a/topic", "prefix"),
        ("kafka://a:port", "host:port"),
        ("kafka://", "host:port"),
        ("kafka://a?partitions=0", "'0'"),
        ("kafka://a?partitions=many", "'many'"),
        ("kafka://a?replication=2&min_insync=3", "min_insync=3 of 2"),
        ("kafka://a?retention=soon", "soon"),
        ("kafka://a?session=1s", "6s to 30m"),
        ("kafka://a?create=yes", "create"),
        ("kafka://a?prefix=sh%20op", "prefix"),
        ("kafka://u:p@a?mechanism=GSSAPI", "SCRAM-SHA-512"),
        ("kafka://u:p@a?mechanism=PLAIN", "kafka+ssl"),
        ("kafka://a?ca=/tls/ca.pem", "kafka+ssl"),
        ("kafka+ssl://a?cert=/tls/cert.pem", "go together"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_with_the_way_out(url: str, said: str) -> None:
    with pytest.raises(UsageError, match="kafka: ") as caught:
        Options.read(url)

    assert said in str(caught.value)


def test_a_refused_url_keeps_its_password_to_itself() -> None:
    with pytest.raises(UsageError) as caught:
        Options.read(f"kafka://user:{SECRET}@broker:port?mechanism=PLAIN")

    assert SECRET not in str(caught.value)


def test_files_of_tls_that_are_not_there_are_named() -> None:
    with pytest.raises(UsageError, match=r"/nowhere/ca\.pem"):
        Options.read("kafka+ssl://a?ca=/nowhere/ca.pem").client()


def test_both_schemes_open_a_bus_and_a_doctor() -> None:
    for scheme in ("kafka", "kafka+ssl"):
        assert registry.open_bus(f"{scheme}://a", "saga") is not None
        assert registry.open_doctor(f"{scheme}://a", "saga") is not None


def test_the_settings_take_a_bus_of_several_servers() -> None:
    settings = load(store="memory://", bus="kafka://a:1,b:2")

    assert settings.bus is not None
    assert address(settings.bus.get_secret_value()) == ("kafka", "a:1,b:2", None, "")


def test_the_settings_refuse_a_password_that_would_make_a_port() -> None:
    with pytest.raises(UsageError, match="%XX") as caught:
        load(store="memory://", bus=f"kafka://user:{SECRET}/{SECRET}@a:1,b:2")

    assert SECRET not in str(caught.value)
