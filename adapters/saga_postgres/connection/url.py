"""postgresql:// URLs: checked before the driver reads them, and named in messages without anything secret."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, quote, unquote

from saga.errors import UsageError
from saga.ports.url.adapter_url import ESCAPE_HINT, PORT_HINT, is_port, split

SCHEMES: Final = ("postgresql", "postgres")
PORT_DEFAULT: Final = 5432
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]@/]+)(?::([^:]*))?")
_OPTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_DATABASE: Final = ("dbname", "database")
_TEXTS: Final = frozenset({"user", "password", "sslpassword", "passfile", "application_name", "options"})
"""The options whose value may contain an @."""


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A URL of one or several servers, or of a Unix socket.

    `servers` are host:port, in the order in which they are tried. `database` is empty where the URL leaves it to the server.
    """

    servers: tuple[str, ...]
    database: str

    @classmethod
    def read(cls, url: str) -> Self:
        """Reads a URL, with the environment (PGHOST ...) where the URL says nothing.

        Raises:
            UsageError: the URL is malformed. The message shows no part of it that may be a piece of a password.
        """
        parts = split(url)
        if parts.scheme not in SCHEMES:
            raise UsageError(
                f"{parts.scheme}:// is not a URL of PostgreSQL: write postgresql://user:password@host/database"
            )
        options = _options(parts)
        hosts, ports = parts.netloc.rpartition("@")[2], options.get("port", "")
        if parts.netloc.count("@") > 1 or "@" in parts.path or parts.fragment:
            raise _unreadable(ESCAPE_HINT)
        hosts = hosts or options.get("host") or os.environ.get("PGHOST") or "localhost"
        named = next((options[name] for name in _DATABASE if name in options), None)
        if named and parts.path:  # the driver takes the path, even an empty one
            raise _unreadable("name the database once, as postgresql://host/database")
        database = unquote(parts.path[1:]) or named or os.environ.get("PGDATABASE") or ""
        return cls(_servers(hosts.split(","), ports or os.environ.get("PGPORT", "")), database)

    def __str__(self) -> str:
        """The database for messages: no user, password or options."""
        return f"postgres at {','.join(self.servers)}{', database ' if self.is_socket else '/'}{self.database}"

    @property
    def is_socket(self) -> bool:
        """True if the first server is a Unix socket."""
        return self.servers[0].startswith("/")


def is_postgres(url: str) -> bool:
    """Tells whether the scheme is that of PostgreSQL."""
    return url.partition("://")[0].lower() in SCHEMES


def place_of(url: str) -> str:
    """The database of a URL, for messages. Raises UsageError if the URL is malformed."""
    return str(PostgresUrl.read(url))


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    parts = split(url)
    kept = "&".join(option for option in parts.query.split("&") if option.partition("=")[0] not in _DATABASE)
    return f"{parts.scheme}://{parts.netloc}/{quote(name)}{f'?{kept}' if kept else ''}"


def _options(parts: SplitResult) -> dict[str, str]:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        pairs = [("", "")]
    for name, value in pairs:
        if "@" in value and name not in _TEXTS:
            raise _unreadable(ESCAPE_HINT)
        if not _OPTION.fullmatch(name) or not value:
            raise _unreadable(f"options must be written as name=value, with & between them; {ESCAPE_HINT}")
    return dict(pairs)


def _servers(hosts: list[str], port_option: str) -> tuple[str, ...]:
    ports = port_option.split(",") if port_option else [str(PORT_DEFAULT)]
    if not all(map(is_port, ports)):
        raise _unreadable(PORT_HINT)
    found = []
    for position, host in enumerate(map(unquote, hosts)):
        match = None if host.startswith("/") else _SERVER.fullmatch(host)
        if match is None and not host.startswith("/"):
            raise _unreadable(
                f"servers must be written as host:port,host:port, IPv6 addresses in brackets; {ESCAPE_HINT}"
            )
        name, own_port = (host, None) if match is None else match.groups()
        if own_port is not None and not is_port(own_port):
            raise _unreadable(PORT_HINT)
        found.append(f"{name}:{own_port or ports[min(position, len(ports) - 1)]}")
    return tuple(found)


def _unreadable(reason: str) -> UsageError:
    return UsageError(f"this postgresql:// URL cannot be read: {reason}")
