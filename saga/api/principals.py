"""The senders of requests, and what each may do."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from enum import Enum
from typing import Final, cast

from fastapi import Request

from saga.api.limits import Kind, Limits
from saga.api.problems import FORBIDDEN, UNAUTHENTICATED, Problem
from saga.inspection.actions.request import ActionName


class Role(Enum):
    """The rights of a principal. Each of viewer, operator and admin may also do what those before it may."""

    VIEWER = "viewer"
    STARTER = "starter"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Tells whether this role suffices where `needed` is asked for."""
        return needed in _INCLUDED[self]


_INCLUDED: Final = {
    Role.VIEWER: {Role.VIEWER},
    Role.STARTER: {Role.STARTER},
    Role.OPERATOR: {Role.VIEWER, Role.STARTER, Role.OPERATOR},
    Role.ADMIN: set(Role),
}


ROLES: Final[dict[ActionName, Role]] = {
    "roll back": Role.OPERATOR,
    "pause": Role.OPERATOR,
    "resume": Role.OPERATOR,
    "retry": Role.OPERATOR,
    "skip": Role.OPERATOR,
    "resolve": Role.OPERATOR,
    "undo step": Role.OPERATOR,
    "abandon": Role.ADMIN,
}
"""The role that each action needs."""


LOCAL: Final = "this machine"
SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
"""The methods that change nothing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. `how`: the way it was recognised. `address`: its network address, if known.

    `session`: the id of the browser's session, if one has signed in.
    """

    name: str
    role: Role
    how: str
    address: str | None = None
    session: str = ""

    @property
    def is_local(self) -> bool:
        """True for a caller on this machine that needed no token, because none has been created."""
        return self.how == LOCAL

    @property
    def sender(self) -> str | None:
        """The sender for which requests are counted; None: they are not."""
        return None if self.is_local else f"{self.how} {self.name} {self.session}"

    @property
    def reads_payloads(self) -> bool:
        """True if inputs and results are shown to this principal."""
        return self.role.may(Role.OPERATOR)


Authenticate = Callable[[Request], Awaitable[Principal | None]]

LOCAL_NAMES: Final = frozenset(("localhost", "127.0.0.1", "[::1]"))
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a request, as the request describes it.

    `host`: the name by which it reached this process; None over gRPC, which no page of a browser can speak.
    """

    authorization: str | None
    address: str | None
    host: str | None
    is_forwarded: bool


def sender_of(request: Request) -> Sender:
    return Sender(
        authorization=request.headers.get("authorization"),
        address=None if request.client is None else request.client.host,
        host=request.headers.get("host", ""),
        is_forwarded=is_forwarded(request.headers),
    )


def is_forwarded(names: Container[str]) -> bool:
    """Tells whether a proxy has passed the request on, by the names of its headers."""
    return any(name in names for name in _FORWARDED)


def local(sender: Sender) -> Principal:
    """Lets a client on this machine do everything, and answers no other: there is no authentication.

    The Host header must name this machine, too: else a page of another site, whose name was made to lead here, could read the answers.
    """
    if not _is_loopback(sender.address) or sender.is_forwarded:
        raise Problem(FORBIDDEN, "no token is valid, so the API answers only this machine: run `saga token create`")
    if sender.host is not None and _name_of(sender.host) not in LOCAL_NAMES:
        raise Problem(
            FORBIDDEN, "the Host header must be localhost or 127.0.0.1 until there is a token: run `saga token create`"
        )
    return Principal("local", Role.ADMIN, LOCAL, sender.address)


def principal_of(request: Request) -> Principal:
    """Returns the sender of the request, once `requires` has recognised it."""
    return cast("Principal", request.state.principal)


def requires(role: Role, *others: Role) -> Callable[[Request], Awaitable[None]]:
    """A dependency of a route: the sender of the request has this role, or one of the others."""

    async def check(request: Request) -> None:
        authenticate: Authenticate = request.app.state.authenticate
        principal = recognised(await authenticate(request))
        _count(request, principal, Role.STARTER in (role, *others))
        request.state.principal = principal
        permitted(principal, role, *others)

    return check


def recognised(principal: Principal | None) -> Principal:
    """The principal, if it is known. Raises Problem."""
    if principal is None:
        raise Problem(UNAUTHENTICATED, "send a token: Authorization: Bearer saga_...")
    return principal


def permitted(principal: Principal, role: Role, *others: Role) -> Principal:
    """The principal, if it has this role or one of the others. Raises Problem."""
    if not any(principal.role.may(needed) for needed in (role, *others)):
        why = f"{principal.name} has the role {principal.role.value}, and this needs the role {role.value}"
        raise Problem(FORBIDDEN, why, {"needs": role.value})
    return principal


def _count(request: Request, principal: Principal, is_for_programs: bool) -> None:  # noqa: FBT001 (a fact about the route)
    """Counts the request once, however often its right is checked. Raises Problem."""
    if getattr(request.state, "is_counted", False):
        return
    request.state.is_counted = True
    kind = Kind.ACTION if request.method not in SAFE else Kind.READ
    limits = cast("Limits", request.app.state.limits)
    request.state.rate_limit = limits.take(principal.sender, Kind.START if is_for_programs else kind)


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
