"""A process that serves the API is killed under load: sagas go on, and what its clients repeat is done once."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

import saga
from saga import Definition
from saga_postgres.embedded.child import free_port
from tests.process.fleet import Fleet, Member, audit
from tests.process.shop import shop
from tests.process.test_kills import settings_of
from tests.runtime.world import Sql, ended, until

KILLS: Final = 1
ORDERS_AT_ONCE: Final = 4
BEFORE_A_KILL: Final = 6
"""Number of orders that are started, and of actions that are taken, before each kill."""
SECONDS: Final = 60
ALL_ENDED: Final = "select not exists (select from saga s join start_key k on k.saga = s.id where s.ended_at is null)"

idle = Definition("idle", input=int)
idle.step("money.confirm", after=idle.wait("word", timeout="1d"))


@dataclass
class Api:
    """A process that serves the API, on one port of this machine, also after it was killed."""

    fleet: Fleet
    link: str
    member: Member
    serves: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def of(cls, fleet: Fleet) -> Api:
        port = free_port()
        api = cls(fleet, f"http://127.0.0.1:{port}", await fleet.api(port))
        api.serves.set()
        return api

    async def kill(self) -> None:
        """Kills the process, and starts another in its place."""
        self.serves.clear()
        self.member.kill()
        self.member = await self.fleet.api(int(self.link.rpartition(":")[2]))
        self.serves.set()


@dataclass
class Clients:
    """Clients that start orders, act on a saga and watch it. A request without an answer is sent again as it was."""

    api: Api
    client: httpx.AsyncClient
    started: dict[str, str] = field(default_factory=dict)
    acted: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    connections: int = 0

    async def more(self, working: list[asyncio.Task[None]]) -> None:
        """Returns when some more orders were started, and some more actions taken."""
        orders, actions = len(self.started) + BEFORE_A_KILL, len(self.acted) + BEFORE_A_KILL

        def is_done() -> bool:
            for task in working:
                if task.done():
                    task.result()
            return len(self.started) >= orders and len(self.acted) >= actions

        await until(is_done, f"{BEFORE_A_KILL} more starts and actions", seconds=SECONDS)

    async def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        while True:
            try:
                return await self.client.post(path, json=body, headers=headers or {})
            except httpx.TransportError:
                await self.api.serves.wait()

    async def start_orders(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            key = f"order {number}"
            body = {"definition": "shop", "input": number, "key": key}
            first, again = [await self.post("/v1/sagas", body) for _ in range(2)]
            assert (first.status_code, again.status_code) in {(201, 200), (200, 200)}, (first.text, again.text)
            assert first.json()["saga"] == again.json()["saga"]
            self.started[key] = first.json()["saga"]

    async def act(self, saga: UUID) -> None:
        """Pauses and resumes a saga in turns: if an action were done twice, or not at all, the next one would be refused."""
        for number, action in enumerate(itertools.cycle(("pause", "resume"))):
            key = f"{action} {number}"
            answer = await self.post(f"/v1/sagas/{saga}/{action}", {"reason": "why"}, {"idempotency-key": key})
            assert answer.status_code == 200, answer.text
            self.acted.append(key)

    async def watch(self, saga: UUID) -> None:
        """Keeps the lines of the saga's history, from one process to the next."""
        last: dict[str, str] = {}
        while True:
            self.connections += 1
            try:
                async with self.client.stream("GET", f"/v1/sagas/{saga}/events", headers=last) as answer:
                    async for place, line in lines_of(answer):
                        self.events.append(line)
                        last = {"last-event-id": place}
            except httpx.TransportError:
                await self.api.serves.wait()


async def lines_of(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """The lines of history in a stream, each with the id of its event."""
    found: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        found[name] = value
        if not line:
            if found.get("event") == "history":
                yield found["id"], found["data"]
            found = {}


@pytest.mark.timeout(400)  # a process that starts takes long on a busy machine
async def test_what_the_clients_of_a_killed_process_repeat_is_done_once(fleet: Fleet, sql: Sql) -> None:
    await fleet.participant("books", "stock", "money")
    async with saga.connect(settings=settings_of(fleet)) as desk:
        await desk.register(shop)
        watched = (await desk.start(idle, 1)).id
    api = await Api.of(fleet)
    async with httpx.AsyncClient(base_url=api.link, timeout=SECONDS) as client:
        clients = Clients(api, client)
        numbers = iter(range(1, 1_000_000))
        working = [asyncio.create_task(clients.start_orders(numbers)) for _ in range(ORDERS_AT_ONCE)]
        working.append(asyncio.create_task(clients.act(watched)))
        watching = asyncio.create_task(clients.watch(watched))
        try:
            await clients.more(working)
            for _ in range(KILLS):
                await api.kill()
                await clients.more(working)
        finally:
            for task in working:
                await ended(task)
        await until(
            lambda: all_is_told(clients, sql, watched), "the watcher has heard of every action", seconds=SECONDS
        )
        await ended(watching)

    assert clients.connections > KILLS
    await check_orders(fleet, sql, clients.started)
    await check_actions(sql, watched, clients.acted)


async def all_is_told(clients: Clients, sql: Sql, watched: UUID) -> bool:
    """Tells whether the stream had each line of the history once."""
    rows = await sql.fetch("select kind from event where saga = $1", watched)
    told = [json.loads(line)["event"] for line in clients.events]
    return sorted(told) == sorted(row["kind"] for row in rows)


async def check_orders(fleet: Fleet, sql: Sql, started: dict[str, str]) -> None:
    """Each key has one saga, the one that was answered, and every saga comes to its end without the process that started it."""
    await until(lambda: sql.fetchval(ALL_ENDED), "all orders end", seconds=SECONDS)
    found = {row["key"]: str(row["saga"]) for row in await sql.fetch("select key, saga from start_key")}

    assert started.items() <= found.items()
    assert len(found) - len(started) <= ORDERS_AT_ONCE, "those whose clients were stopped while they waited"
    assert sum((await audit(fleet.store, fleet.effects)).values()) == len(found)


async def check_actions(sql: Sql, watched: UUID, acted: list[str]) -> None:
    """Each action is in the audit once, and has changed its saga once."""
    lines = await sql.fetch(
        "select request, action from audit where saga = $1 and refusal is null order by id", watched
    )
    changes = await sql.fetch(
        "select kind from event where saga = $1 and kind in ('paused', 'resumed') order by at, version, n", watched
    )
    done = [row["request"] for row in lines]

    assert acted in (done, done[:-1]), "one action more than was answered, if its client was stopped while it waited"
    assert [row["kind"] for row in changes] == [f"{row['action']}d" for row in lines]
