"""The suite of an adapter's URL. For adapters that read their URL with `saga.ports.url`.

Subclass `UrlSuite`, set `url` and `options`, and implement `read`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from saga.errors import SagaError, UsageError
from saga.ports.url.option import Option

SECRET: Final = "s3cret"  # noqa: S105
NONSENSE: Final = "%21nonsense"


class UrlSuite(abc.ABC):
    """An adapter refuses what it cannot understand, says what to write instead, and shows no password.

    `url` is an accepted URL without credentials. `options` are all that the adapter knows.
    """

    url: str
    options: Sequence[Option[Any]]

    @abc.abstractmethod
    def read(self, url: str) -> object:
        """Reads the URL as the adapter does, without connecting."""

    def test_the_url_is_accepted(self) -> None:
        self.read(self.url)

    def test_an_unknown_option_is_refused_with_the_closest_known_one(self) -> None:
        for option in self.options:
            assert f"Did you mean {option.name}?" in self.refusal(self._with(f"{option.name}x=1"))

    def test_an_unknown_option_is_refused_with_the_list_of_all(self) -> None:
        message = self.refusal(self._with("zzzzzz=1"))

        assert "zzzzzz" in message
        assert all(option.name in message for option in self.options)

    def test_a_value_that_an_option_cannot_have_is_refused_with_what_it_must_be(self) -> None:
        for option in self.options:
            if not _accepts(option, NONSENSE):
                message = self.refusal(self._with(f"{option.name}={NONSENSE}"))
                assert f"{option.name} must be {option.expected}" in message
                assert "nonsense" not in message

    def test_a_message_names_the_url(self) -> None:
        assert self.refusal(self._with("zzzzzz=1")).startswith("://".join(urlsplit(self.url)[:2]))

    @pytest.mark.parametrize("servers", ["", "ho st", "a,,b", "a:port", "a:123456", "[::1"])
    def test_malformed_servers_are_refused(self, servers: str) -> None:
        parts = urlsplit(self.url)

        self.refusal(f"{parts.scheme}://{servers}?{parts.query}")

    @pytest.mark.parametrize(
        "credentials",
        [
            f"user:{SECRET}",
            f"user:1234/{SECRET}",
            f"user:pw#{SECRET}",
            f"user:1234?{SECRET}",
            f"user:1234?{SECRET}&x",
            f"user:a@{SECRET}",
            f"{SECRET}:x",
        ],
    )
    def test_no_message_shows_credentials_even_if_they_are_not_escaped(self, credentials: str) -> None:
        scheme, _, rest = self._with("zzzzzz=1").partition("://")

        assert SECRET not in self.refusal(f"{scheme}://{credentials}@{rest}")

    def refusal(self, url: str) -> str:
        """The message with which this URL is refused."""
        with pytest.raises(UsageError) as refused:
            self.read(url)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    def _with(self, option: str) -> str:
        return f"{self.url}{'&' if '?' in self.url else '?'}{option}"


def _accepts(option: Option[Any], text: str) -> bool:
    try:
        option.parse(text)
    except (ValueError, SagaError):
        return False
    return True
