"""Signing in with a token: a browser keeps it in a cookie that no script can read, and sends it with pages and forms only.

The API below /v1 does not take the cookie. A token that is revoked or expires ends what was signed in with it.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict
from urllib.parse import urlunsplit

from fastapi import Request, Response

from saga.api.principals import Role, requires
from saga.api.tokens import TokenAuthentication
from saga.api.ui.forms import fields_of
from saga.api.ui.rendering import root_of
from saga.core.text import visible
from saga.errors import UsageError
from saga.ports.access.tokens import TOKEN

COOKIE: Final = "saga_session"
KEPT_SECONDS: Final = 12 * 3600
NEXT_CHARS_MAX: Final = 300


class _Flags(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


def with_session(request: Request) -> Request:
    """The request as if the token of its cookie had come in the Authorization header."""
    token = request.cookies.get(COOKIE, "")
    if "authorization" in request.headers or not TOKEN.fullmatch(token):
        return request
    return with_token(request, token)


def with_token(request: Request, token: str) -> Request:
    headers = [*request.scope["headers"], (b"authorization", f"Bearer {token}".encode("ascii"))]
    return Request({**request.scope, "headers": headers}, request.receive)


def takes_tokens(request: Request) -> bool:
    """Tells whether a token is what this installation asks for, and not the sign-in of an application around it."""
    return isinstance(request.app.state.authenticate, TokenAuthentication)


async def sign_in(request: Request) -> Response:
    """Answers the form with the cookie. Raises Problem if the token is not valid, and UsageError if it is not a token at all."""
    fields = await fields_of(request)
    token = fields.get("token", "").strip()
    if not TOKEN.fullmatch(token):
        raise UsageError("this is not a token: it begins with saga_, and `saga token create` prints it once")
    asked = with_token(request, token)
    await requires(Role.VIEWER)(asked)
    response = _forward(request, next_path(fields.get("next", "")))
    response.set_cookie(COOKIE, token, max_age=KEPT_SECONDS, path=_path(request), **_flags(request))
    return response


def sign_out(request: Request) -> Response:
    """Answers with a cookie that is empty. The token stays valid."""
    response = _forward(request, "")
    response.delete_cookie(COOKIE, path=_path(request), **_flags(request))
    return response


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
    return {"httponly": True, "samesite": "lax", "secure": request.url.scheme == "https"}
