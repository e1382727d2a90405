"""The HTTP API: sagas as JSON for programs. `saga api` serves it, `saga dev` too, or your own application mounts it.

It needs the extra `saga-coordination[api]`. It keeps no state: any number of processes may serve it, and no saga needs one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saga.api.extra import check_installed

if TYPE_CHECKING:
    from fastapi import FastAPI

    from saga.api.principals import Authenticate
    from saga.client import StoreSagas


def asgi(sagas: StoreSagas, *, principal: Authenticate | None = None) -> FastAPI:
    """The API of an installation as an ASGI application: `app.mount("/saga", saga.api.asgi(sagas))`.

    `principal`: names the sender of a request, as your application knows it; it is called with the request, and returns None if
    the sender is unknown. Without it the tokens in the store decide; as long as there are none, only this machine is answered.

    Raises:
        MissingDriver: the extra `saga-coordination[api]` is not installed.
    """
    check_installed()
    from saga.api.application import build  # noqa: PLC0415 (an extra)

    return build(sagas, principal)
