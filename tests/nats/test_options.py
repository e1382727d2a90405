"""nats:// URLs: their options, and how wrong ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga import registry
from saga.errors import UsageError
from saga.testing.suites.url import UrlSuite
from saga_nats.options import OPTIONS, Options

SECRET = "s3cret"  # noqa: S105


class TestNatsUrl(UrlSuite):
    url = "nats://a:1,b:2"
    options = OPTIONS

    def read(self, url: str) -> Options:
        return Options.read(url)


def test_the_defaults_are_safe() -> None:
    options = Options.read("nats://server")

    assert options.servers == ("server:4222",)
    assert (options.replication, options.create, options.retention_ms) == (3, False, 86_400_000)


def test_a_url_has_several_servers_and_the_settings_of_streams() -> None:
    options = Options.read(
        "nats://a:1,b:2,[::1]:3?prefix=shop.&replication=5&retention=2h&max_bytes=1000&ack_wait=30s&monitor=http://a:8222,http://b:8222"
    )

    assert options.servers == ("a:1", "b:2", "[::1]:3")
    assert (options.prefix, options.replication, options.retention_ms, options.max_bytes) == (
        "shop.",
        5,
        7_200_000,
        1000,
    )
    assert (options.ack_wait_ms, options.monitors) == (30_000, ("http://a:8222", "http://b:8222"))


def test_credentials_may_have_any_character_and_are_never_shown() -> None:
    options = Options.read(f"nats+tls://al%40ice:{SECRET}%2F%23@server")
    token = Options.read(f"nats+tls://{SECRET}@server")

    assert (options.client()["user"], options.client()["password"], options.client()["token"]) == (
        "al@ice",
        f"{SECRET}/#",
        None,
    )
    assert (token.client()["user"], token.client()["token"]) == (None, SECRET)
    assert SECRET not in repr(options) + options.place + repr(token) + token.place


@pytest.mark.parametrize(
    "allowed", ["nats://u:p@localhost", "nats://u:p@127.0.0.1:1,[::1]:2", "nats://u:p@a?plaintext=yes"]
)
def test_a_password_in_clear_text_needs_this_machine_or_consent(allowed: str) -> None:
    assert Options.read(allowed).password == "p"  # noqa: S105


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nats://a/stream", "?prefix=..."),
        ("nats://a?replication=6", "replication must be a whole number from 1 to 5"),
        ("nats://a?retention=1ms", "retention must be a duration from 1s"),
        ("nats://a?create=perhaps", "create must be 1 or 0"),
        ("nats://a?prefix=sh%20op", "prefix must be at most 100 letters"),
        ("nats://a?prefix=.shop", "must not begin with a dot"),
        ("nats://a?prefix=shop..", "two dots in a row"),
        ("nats://u:p@a", "nats+tls://, creds or nkey"),
        ("nats://token@a", "passwords and tokens in clear text"),
        ("nats+tls://u:p@a?creds=/x", "one kind of credentials"),
        ("nats://a?creds=/x&nkey=/y", "one kind of credentials"),
        ("nats://a?ca=/tls/ca.pem", "nats+tls"),
        ("nats+tls://a?cert=/tls/cert.pem", "go together"),
        ("nats://a?monitor=a:8222", "monitor must be http:// addresses"),
    ],
)
def test_a_wrong_url_is_refused_with_the_way_out(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"nats(\+tls)?://") as caught:
        Options.read(url)

    assert message in str(caught.value)


def test_a_missing_tls_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"/nowhere/ca\.pem"):
        Options.read("nats+tls://a?ca=/nowhere/ca.pem").client()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("nothing", "no seed of a user"),
        ("SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBA", "checksum"),
    ],
)
def test_a_credentials_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "user.creds"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=reason) as caught:
        Options.read(f"nats://a?creds={path}").user_key()

    assert str(path) in str(caught.value)
    assert "SUAM" not in str(caught.value)


def test_both_schemes_open_a_bus_and_a_doctor() -> None:
    for scheme in ("nats", "nats+tls"):
        assert registry.open_bus(f"{scheme}://a", "saga") is not None
        assert registry.open_doctor(f"{scheme}://a", "saga") is not None
