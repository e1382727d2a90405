"""Tokens, for an admin."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Body, Request, Response

from saga.api.calls.answers import Text, now_of
from saga.api.principals import Role, principal_of
from saga.api.rest.routes import Connected, Routes, answer
from saga.core.duration import duration_ms
from saga.inspection.summaries.installation import token_document
from saga.ports.access.tokens import NAME_CHARS_MAX, Asker, new_token

routes: Final = Routes("tokens")


@routes.get("/tokens", Role.ADMIN, summary="All tokens, without their secrets")
async def list_tokens(request: Request, sagas: Connected) -> Response:
    found = [token_document(one) for one in await sagas.adapter.tokens.list()]
    return answer(request, {"now": now_of(sagas), "tokens": found})


@routes.post("/tokens", Role.ADMIN, summary="Create a token: its text is in this answer only", status=201)
async def create_token(
    request: Request,
    sagas: Connected,
    name: Annotated[Text, Body(embed=True, min_length=1, max_length=NAME_CHARS_MAX)],
    role: Annotated[Role, Body(embed=True)],
    expires: Annotated[str | None, Body(embed=True, description='How long it is valid, such as "90d".')] = None,
) -> Response:
    now = now_of(sagas)
    expires_at = None if expires is None else now + duration_ms(expires) / 1000
    text, line = new_token(name, role.value, principal_of(request).name, expires_at)
    await sagas.adapter.tokens.add(line, _asker(request))
    return answer(request, {"now": now, "token": text, "id": line.id, "name": name, "role": role.value}, 201)


@routes.delete("/tokens/{token}", Role.ADMIN, summary="Revoke a token: within seconds no process accepts it")
async def revoke_token(request: Request, sagas: Connected, token: str) -> Response:
    await sagas.adapter.tokens.revoke(token, _asker(request))
    return answer(request, {"now": now_of(sagas), "id": token, "revoked": True})


def _asker(request: Request) -> Asker:
    principal = principal_of(request)
    return Asker(principal.name, principal.how, principal.address)
