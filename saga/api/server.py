"""Serves the API over HTTP, inside the event loop of a process."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import uvicorn
from fastapi import Depends, FastAPI, Request, Response

from saga.api.application import build
from saga.api.principals import Role, requires
from saga.client import StoreSagas
from saga.errors import UsageError
from saga.logger import get_logger
from saga.runtime.supervisor import Supervisor
from saga.telemetry.endpoint import Page
from saga.telemetry.observation import health_pages

PROBES: Final = ("/livez", "/readyz")
"""The pages that need no role."""
CONNECTIONS_MAX: Final = 1_000
"""Beyond this number of connections at a time a request is answered with 503."""
BACKLOG: Final = 128
STOP_SECONDS: Final = 2
"""Time for requests under way, when the process stops."""


@asynccontextmanager
async def served(
    sagas: StoreSagas,
    address: str,
    *,
    grpc: str | None = None,
    grpc_reflection: bool = False,
    supervisor: Supervisor | None = None,
    may_move: bool = False,
) -> AsyncIterator[str]:
    """Serves the API, /livez, /readyz and /metrics until the block ends. Yields the link of a browser to it.

    `grpc`: an address for the gRPC API, which describes itself if `grpc_reflection`. `may_move`: if the port is in use, take a free one.

    Raises:
        UsageError: an address is not available; or other machines can reach it although no token has been created.
    """
    host, _, port = address.rpartition(":")
    if not await sagas.adapter.tokens.is_any_valid():
        check_reach(host)
        if grpc is not None:
            check_reach(grpc.rpartition(":")[0])
    async with health_pages(sagas.process, supervisor) as pages:
        with contextlib.closing(_listening(host.strip("[]"), int(port), may_move=may_move)) as listener:
            app = build(sagas)
            _add_pages(app, pages)
            async with _running(app, listener), _grpc(app, grpc, pages["/readyz"], reflects=grpc_reflection):
                link = f"http://{host}:{listener.getsockname()[1]}/"
                get_logger("saga.api").info("listening", address=link)
                yield link


@asynccontextmanager
async def _grpc(app: FastAPI, address: str | None, ready: Page, *, reflects: bool) -> AsyncIterator[None]:
    """Serves the gRPC API on what the application has, if there is an address for it."""
    if address is None:
        yield
        return
    from saga.api.grpc.methods import Desk  # noqa: PLC0415 (an extra)
    from saga.api.grpc.server import serving  # noqa: PLC0415

    async def is_ready() -> bool:
        return (await ready()).status == HTTPStatus.OK

    state = app.state
    desk = Desk(state.sagas, state.watcher, state.disclosure, state.limits, state.authenticate.recognise)
    async with serving(desk, address, is_ready, reflects=reflects):
        yield


def check_reach(host: str) -> None:
    """Raises UsageError if others than this machine could reach the API, as long as nobody has to say who they are."""
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise UsageError(
            f"api: there are no tokens, so every client that can reach {host} could do everything: listen on 127.0.0.1, "
            "or create a token first with `saga token create NAME --role admin`"
        )


def _listening(host: str, port: int, *, may_move: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError:
            if not may_move:
                raise
            listener.close()
            return _listening(host, 0, may_move=False)
    except OSError as error:
        listener.close()
        raise UsageError(f"api: cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process that it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _running(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.shield(asyncio.gather(task, return_exceptions=True))


def _add_pages(app: FastAPI, pages: dict[str, Page]) -> None:
    """Adds the pages for probes and scrapers, which the API itself does not have where it is mounted."""
    for path, page in pages.items():
        needed = [] if path in PROBES else [Depends(requires(Role.VIEWER))]
        app.add_api_route(path, _route(page), include_in_schema=False, dependencies=needed)


def _route(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def route(_: Request) -> Response:
        answer = await page()
        return Response(answer.body, answer.status, dict(answer.headers), answer.content_type)

    return route
