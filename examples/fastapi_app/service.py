"""A FastAPI service that starts, serves and awaits sagas, by ten lines in its lifespan.

export SAGA_STORE=postgresql://...
saga migrate && uvicorn examples.fastapi_app.service:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, HTTPException, Request

import saga
from examples.fastapi_app.inventory import Order, fulfil, inventory

TABLES = """
create table if not exists public.stock (sku text primary key, free integer not null check (free >= 0));
create table if not exists public.orders (number integer primary key, saga uuid, state text not null)
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with (
        asyncpg.create_pool(os.environ["SAGA_STORE"]) as database,
        saga.connect() as sagas,
        sagas.serve(inventory),
    ):
        await database.execute(TABLES)
        await sagas.register(fulfil)
        app.state.database, app.state.sagas = database, sagas
        yield


app = FastAPI(lifespan=lifespan)


def connected_sagas(request: Request) -> saga.App:
    found: saga.App = request.app.state.sagas
    return found


Sagas = Annotated[saga.App, Depends(connected_sagas)]


@app.post("/orders", status_code=202)
async def place(order: Order, request: Request, sagas: Sagas) -> dict[str, str]:
    """Stores the order and starts its saga in one transaction: either both exist, or neither does."""
    async with request.app.state.database.acquire() as connection, connection.transaction():
        handle = await sagas.start(fulfil, order, key=f"order {order.number}", tx=connection)
        query = "insert into public.orders values ($1, $2, 'placed') on conflict do nothing returning saga"
        if await connection.fetchval(query, order.number, handle.id) is None:
            raise HTTPException(409, f"order {order.number} exists already")
    return {"saga": str(handle.id)}


@app.post("/purchases")
async def buy(order: Order, sagas: Sagas) -> dict[str, int]:
    """Starts a saga and waits for its end, for a caller who wants the answer now."""
    handle = await sagas.start(fulfil, order, key=f"purchase {order.number}")
    ending = await handle.result(timeout_seconds=10)
    if not ending.is_completed:
        raise HTTPException(409, ending.reason)
    returned: dict[str, int] = ending.value
    return returned
