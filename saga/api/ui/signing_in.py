"""Signing in with a token: a browser gets a session, whose secret is in a cookie that no script can read.

Only pages and forms take the cookie, the API below /v1 does not. A session ends after some hours, with its token, or when its reader
signs out. Each form also has a text that only a page of the same session can know, so that no other site can send it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal, TypedDict, cast
from urllib.parse import urlunsplit

from fastapi import Request, Response

from saga.api.principals import Role, requires
from saga.api.problems import FORBIDDEN, Problem
from saga.api.tokens import SESSION, SESSION_SECONDS, TokenAuthentication
from saga.api.ui.forms import fields_of
from saga.api.ui.rendering import root_of
from saga.core.text import visible
from saga.errors import UsageError
from saga.ports.access.tokens import TOKEN

COOKIES: Final = ("__Host-saga", "__Secure-saga", "saga_browser")
"""The names of the cookie. A browser takes the first two from a page with TLS only, and the first one from this host only."""
NEXT_CHARS_MAX: Final = 300
CSRF: Final = "csrf"
"""The field of a form that says that a page of the same session has sent it."""


class _Flags(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


def with_session(request: Request) -> Request:
    """The request with the session of its cookie, where it does not bring a token itself."""
    secret = _secret_of(request)
    if not secret or "authorization" in request.headers:
        return request
    return Request({**request.scope, SESSION: secret}, request.receive)


def csrf_of(request: Request) -> str:
    """The text that a form of this session must have; empty if there is no session."""
    secret = request.scope.get(SESSION)
    return "" if secret is None else hmac.new(secret.encode(), CSRF.encode(), hashlib.sha256).hexdigest()


async def check_form(request: Request) -> None:
    """Raises Problem if the form of a session was not on a page of it."""
    expected = csrf_of(request)
    if expected and not hmac.compare_digest(expected, (await fields_of(request)).get(CSRF, "")):
        raise Problem(
            FORBIDDEN, "this form is not from a page of your session: open the page again, and send it from there"
        )


def takes_tokens(request: Request) -> bool:
    """Tells whether a token is what this installation asks for, and not the sign-in of an application around it."""
    return isinstance(request.app.state.authenticate, TokenAuthentication)


async def sign_in(request: Request) -> Response:
    """Answers the form with the cookie. Raises Problem if the token is not valid, and UsageError if it is not a token at all."""
    fields = await fields_of(request)
    token = fields.get("token", "").strip()
    found = TOKEN.fullmatch(token)
    if found is None or not takes_tokens(request):
        raise UsageError("this is not a token: it begins with saga_, and `saga token create` prints it once")
    headers = [*request.scope["headers"], (b"authorization", f"Bearer {token}".encode("ascii"))]
    await requires(Role.VIEWER)(Request({**request.scope, "headers": headers}, request.receive))
    secret = await _authentication(request).sign_in(found[1])
    response = _forward(request, next_path(fields.get("next", "")))
    response.set_cookie(_name(request), secret, max_age=SESSION_SECONDS, path=_path(request), **_flags(request))
    return response


async def sign_out(sent: Request) -> Response:
    """Ends the session, and answers with a cookie that is empty. The token stays valid. Raises Problem, Unavailable."""
    request = with_session(sent)
    response = _forward(request, "")
    if (secret := request.scope.get(SESSION)) is not None and takes_tokens(request):
        await check_form(request)
        await _authentication(request).sign_out(secret)
        response.delete_cookie(_name(request), path=_path(request), **_flags(request))
    return response


def _authentication(request: Request) -> TokenAuthentication:
    return cast("TokenAuthentication", request.app.state.authenticate)


def _forward(request: Request, path: str) -> Response:
    return Response(status_code=303, headers={"Location": f"{root_of(request)}{path}"})


def next_path(text: str) -> str:
    """The page to go to afterwards, below the root. Whatever it says, it cannot lead to another host."""
    return text if text.isascii() and visible(text) == text and len(text) <= NEXT_CHARS_MAX else ""


def asked_for(request: Request) -> str:
    """The address of a page below the root, to come back to."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", "")).lstrip("/")
    if request.method != "GET":
        return ""
    return next_path(urlunsplit(("", "", path, request.url.query, "")))


def _path(request: Request) -> str:
    return f"{request.scope.get('root_path', '')}/"


def _flags(request: Request) -> _Flags:
    return {"httponly": True, "samesite": "lax", "secure": _is_sealed(request)}


def _name(request: Request) -> str:
    if not _is_sealed(request):
        return COOKIES[2]
    return COOKIES[0] if _path(request) == "/" else COOKIES[1]


def _secret_of(request: Request) -> str:
    return next((request.cookies[name] for name in COOKIES if name in request.cookies), "")


def _is_sealed(request: Request) -> bool:
    """Tells whether the browser has come by TLS; it says so itself where a proxy ends the TLS."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
