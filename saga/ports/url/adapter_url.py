"""A URL taken apart. No error message contains a user, a password or the value of an option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from saga.core.nearest import did_you_mean
from saga.errors import UsageError
from saga.ports.url.option import Option

Value = TypeVar("Value")

PORT_MAX: Final = 65_535
ESCAPE_HINT: Final = "write special characters of user and password as %XX (/ is %2F, @ is %40)"
PORT_HINT: Final = f"a port must be a number from 1 to {PORT_MAX}"
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NESTED_URL: Final = re.compile(r"=[a-z+]+://[^&]*")
_HIDDEN: Final = "..."


@dataclass(frozen=True, slots=True)
class AdapterUrl:
    """`scheme://user:password@host:port,host:port/path?option=value`.

    `host` is the text between credentials and path. `place` names the URL in messages: without credentials and options, and
    without hosts where these may be a piece of a password that was not escaped.
    """

    scheme: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    host: str = field(repr=False)
    path: str = field(repr=False)
    place: str
    _given: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, url: str, options: Sequence[Option[Any]], *, is_strict: bool = False) -> Self:
        """Reads a URL. `options` are all that it can have; of an option that is given twice, the last value counts.

        A strict URL has each option at most once, and always with a value.

        Raises:
            UsageError: the URL is malformed, or has an option that is not in `options`.
        """
        parts = split(url)
        credentials, _, host = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        place = _place(parts, host)
        return cls(
            scheme=parts.scheme,
            user=unquote(user),
            password=unquote(password),
            host=host,
            path=parts.path,
            place=place,
            _given=_options_in(parts.query, place, [option.name for option in options], is_strict=is_strict),
        )

    def servers(self, port_default: int) -> tuple[str, ...]:
        """Each server as host:port. Raises UsageError."""
        matches = [_SERVER.fullmatch(server) for server in self.host.split(",")]
        if not all(matches):
            raise self.refusal(
                f"servers must be written as {self.scheme}://host:port,host:port, IPv6 addresses in brackets; {ESCAPE_HINT}"
            )
        return tuple(f"{match[1]}:{match[2] or port_default}" for match in matches if match)

    def has(self, option: Option[Value]) -> bool:
        """Tells whether the URL has this option, perhaps with an empty value."""
        return option.name in self._given

    def value(self, option: Option[Value]) -> Value:
        """The value of an option, or its default. Raises UsageError."""
        text = self._given.get(option.name)
        if text is None:
            return option.default
        try:
            return option.parse(text)
        except (ValueError, UsageError):
            raise self.refusal(f"option {option.name} must be {option.expected}") from None

    def check_no_path(self, way_out: str) -> None:
        """Raises UsageError if the URL has a path."""
        if self.path.strip("/"):
            raise self.refusal(f"a path has no meaning here: {way_out}")

    def refusal(self, reason: str) -> UsageError:
        """An error that names this URL. `reason` says what is wrong and what to write instead."""
        return UsageError(f"{self.place}: {reason}")


def is_port(text: str) -> bool:
    """Tells whether a text is the number of a port."""
    return text.isascii() and text.isdigit() and 1 <= int(text) <= PORT_MAX


def split(url: str) -> SplitResult:
    """The parts of a URL of one or several servers.

    Raises:
        UsageError: it cannot be split, or a port is wrong. The first half of a password that contains / or # looks like a port: the message
            says which of the two it is, and shows neither.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"this URL cannot be read: {ESCAPE_HINT}") from None
    for server in parts.netloc.rpartition("@")[2].split(","):
        port = server.rpartition("]")[2].partition(":")[2]
        if port and not is_port(port):
            is_password = "@" in parts.path + parts.query + parts.fragment
            raise UsageError(f"this URL cannot be read: {ESCAPE_HINT if is_password else PORT_HINT}")
    return parts


def shown(url: str) -> str:
    """The servers and the path of a URL, for messages: no user, password or options. Raises UsageError if it cannot be split."""
    parts = split(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host + parts.path if _may_be_shown(parts, host) else _HIDDEN}"


def _place(parts: SplitResult, host: str) -> str:
    credentials = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{credentials + host if _may_be_shown(parts, host) else _HIDDEN}"


def _may_be_shown(parts: SplitResult, host: str) -> bool:
    """An @ behind the host is the end of a password that was not escaped, unless it is in an option that is itself a URL."""
    rest = parts.path + _NESTED_URL.sub("", parts.query) + parts.fragment
    return "@" not in rest and (not host or all(map(_SERVER.fullmatch, host.split(","))))


def _options_in(query: str, place: str, known: Sequence[str], *, is_strict: bool) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=is_strict and bool(query))
    except ValueError:
        raise UsageError(f"{place}: options must be written as name=value, with & between them") from None
    given = dict(pairs)
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise UsageError(f"{place}: {_unknown(unknown[0], known, is_shown=not place.endswith(_HIDDEN))}")
    if is_strict and len(given) < len(pairs):
        twice = next(name for name in given if [other for other, _ in pairs].count(name) > 1)
        raise UsageError(f"{place}: option {twice} is given twice: give it once")
    return given


def _unknown(name: str, known: Sequence[str], *, is_shown: bool) -> str:
    shown = f"unknown option {name}" if is_shown and _PLAIN_NAME.fullmatch(name) else "unknown option"
    hint = f"{did_you_mean(name, known)} Known options: {', '.join(sorted(known)) or 'none'}".strip()
    return f"{shown}. {hint}"
