"""Starting sagas."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from saga.api.calls.starting import Start, start
from saga.api.principals import Role
from saga.api.rest.routes import Connected, Routes, answer

routes: Final = Routes("sagas")


@routes.post("/sagas", Role.STARTER, summary="Start a saga: 201 new, 200 known with the same key or id", status=201)
async def start_saga(request: Request, sagas: Connected, wanted: Start) -> Response:
    found = await start(sagas, wanted)
    return answer(request, found, 201 if found["is_new"] else 200, {"Location": f"sagas/{found['saga']}"})
