"""The connection for code without an event loop, over the store and over the API."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

import saga
from saga.errors import Closed
from tests.cli.counter import Counter, Order
from tests.client.conftest import Installation
from tests.docs.page import page

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 20
ROOT = Path(__file__).parents[2]
Answer = TypeVar("Answer")


def arguments(installation: Installation, way: str) -> dict[str, Any]:
    if way == "store":
        return {"settings": installation.shop.settings}
    return {"api": installation.link, "token": installation.token}


@pytest.fixture(scope="module", params=["store", "api"])
def sagas(request: pytest.FixtureRequest, installation: Installation) -> Iterator[saga.blocking.Sagas]:
    """The same installation, by each of the two connections. It connects at first use."""
    connected: saga.blocking.Sagas = saga.blocking.connect(**arguments(installation, request.param))
    yield connected
    gc.collect()


async def blocking(function: Callable[[], Answer]) -> Answer:
    """Runs it in a thread, while the shop goes on in this one."""
    return await asyncio.to_thread(function)


async def test_a_saga_is_started_and_its_end_is_awaited(sagas: saga.blocking.Sagas, shop: Counter) -> None:
    def place() -> saga.Ending:
        handle = sagas.start(shop.order, Order(sku="A-1"), tags={"region": "eu"})
        assert handle.is_new
        return handle.result(SECONDS)

    ending = await blocking(place)

    assert (ending.status, ending.value) == ("completed", "charge done")
    assert (await shop.detail(ending.saga)).tags == '{"region": "eu"}'


async def test_a_saga_is_found_by_its_key_and_its_id(sagas: saga.blocking.Sagas) -> None:
    key, made = str(uuid4()), sagas.new_id()

    def place() -> list[saga.blocking.Handle]:
        first = sagas.start_as(made, "order", {"sku": "A-1"}, key=key)
        return [first, sagas.start("order", {"sku": "A-1"}, key=key), sagas.find("order", key), sagas.handle(made)]

    assert [(handle.id, handle.is_new) for handle in await blocking(place)] == [(made, True), *[(made, False)] * 3]


async def test_the_errors_are_those_of_the_connection(sagas: saga.blocking.Sagas, shop: Counter) -> None:
    shop.blocked.add("reserve")
    handle = await blocking(lambda: sagas.start("order", {"sku": "A-1"}))
    wrong = saga.Definition("wrong")
    wrong.step("bank.charge")

    with pytest.raises(TimeoutError):
        await blocking(lambda: handle.result(0.05))
    with pytest.raises(saga.InputRefused):
        await blocking(lambda: sagas.start("order", {"sku": 7}))
    with pytest.raises(saga.DefinitionError, match="bank"):
        await blocking(lambda: sagas.register(wrong))
    for send in (lambda: handle.send("paid"), lambda: sagas.send(handle, "paid", id="1")):
        with pytest.raises(saga.UsageError, match="paid"):
            await blocking(send)
    for end in (sagas.complete, lambda token: sagas.reject(token, "no"), lambda token: sagas.fail(token, "no")):
        with pytest.raises(saga.UsageError, match="token"):
            await blocking(partial(end, "nonsense"))


async def test_it_has_every_method_of_a_connection() -> None:
    methods = {name for name in vars(saga.Sagas) if not name.startswith("_")}

    assert methods - vars(saga.blocking.Sagas).keys() == {"wait"}


async def test_sagas_are_found_explained_and_acted_on(sagas: saga.blocking.Sagas, shop: Counter) -> None:
    shop.blocked.add("reserve")
    key = str(uuid4())

    def use() -> None:
        handle = sagas.start("order", {"sku": "A-1"}, key=key)
        assert [line.saga for line in sagas.search(f"key:{key}").lines] == [handle.id]
        assert sagas.plan(handle.id, "pause")["refusal"] is None
        sagas.act(handle.id, "pause", reason="wait a moment")
        assert sagas.why(handle.id).situation.value == "paused"

    await blocking(use)


async def test_many_threads_share_a_connection(sagas: saga.blocking.Sagas) -> None:
    def place(_: int) -> str:
        return sagas.start("order", {"sku": "A-1"}).result(SECONDS).status

    with ThreadPoolExecutor(8) as threads:
        done = await asyncio.gather(*(asyncio.get_running_loop().run_in_executor(threads, place, n) for n in range(16)))

    assert set(done) == {"completed"}
    assert sum(thread.name == "saga" for thread in threading.enumerate()) <= 2


@pytest.mark.parametrize("way", ["store", "api"])
async def test_closing_ends_the_calls_and_the_thread(installation: Installation, shop: Counter, way: str) -> None:
    shop.blocked.add("reserve")
    sagas = saga.blocking.connect(**arguments(installation, way))
    handle = await blocking(lambda: sagas.start("order", {"sku": "A-1"}))
    running = sagas._running
    assert running is not None
    waiting = asyncio.create_task(blocking(handle.result))
    await shop.until(handle.id, lambda detail: detail.commands != {})

    await blocking(sagas.close)
    await blocking(sagas.close)

    assert not running._thread.is_alive()
    with pytest.raises(saga.UsageError, match=r"closed|stops"):
        await waiting
    with pytest.raises(Closed, match="make another one"):
        await blocking(lambda: sagas.start("order", {"sku": "A-1"}))
    with pytest.raises(Closed):
        running.call(lambda sagas: sagas.find("order", "any"))


async def test_a_block_connects_at_once_and_closes(installation: Installation) -> None:
    def place() -> None:
        with saga.blocking.connect(**arguments(installation, "api")) as sagas:
            assert sagas.find("order", key).is_new is False
        with pytest.raises(Closed):
            sagas.find("order", key)

    key = str(uuid4())
    await installation.shop.start(key)
    await blocking(place)


async def test_a_connection_that_fails_is_tried_again_at_the_next_use(installation: Installation) -> None:
    given = arguments(installation, "api")
    sagas = saga.blocking.connect(**{**given, "token": "saga_of_nobody"})
    for _ in range(2):
        with pytest.raises(saga.AccessRefused):
            await blocking(lambda: sagas.find("order", "any"))

    with pytest.raises(saga.UsageError, match="leave one out"):
        saga.blocking.connect(**given, store="memory://both")


async def test_it_is_refused_where_it_would_stop_an_event_loop(sagas: saga.blocking.Sagas) -> None:
    with pytest.raises(saga.UsageError, match="runs an event loop"):
        sagas.start("order", {"sku": "A-1"})


async def test_a_connection_that_nobody_holds_is_closed(installation: Installation) -> None:
    given = arguments(installation, "api")

    def use() -> Any:
        sagas = saga.blocking.connect(**given)
        sagas.start("order", {"sku": "A-1"})
        return sagas._running

    running = await blocking(use)
    gc.collect()

    assert not running.is_usable


FORKING = """
import json, os, sys
import saga

given = json.loads(sys.argv[1])
ways = [saga.blocking.connect(**one) for one in given["ways"]]

def place():
    print(*(f"{os.getpid()} {sagas.start('order', {'sku': 'A-1'}).result(20).status}" for sagas in ways), sep="\\n", flush=True)

place()
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        place()
        sys.exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
place()
print(*codes)
"""


async def test_the_workers_of_a_server_that_forks_connect_anew(installation: Installation) -> None:
    """Also where the connection was used before the fork; the parent's goes on."""
    store = installation.shop.settings.store.get_secret_value()
    given = json.dumps({"ways": [{"store": store}, arguments(installation, "api")]})
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", FORKING, given,
        cwd=ROOT, env=os.environ | {"SAGA_LOCAL_SOCKET": ""}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            out, err = await program.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):  # all have ended
            os.killpg(program.pid, signal.SIGKILL)

    *placed, codes = out.decode().splitlines()
    processes = [line.split()[0] for line in placed]
    assert (codes, err.decode()) == ("0 0", "")
    assert {line.split()[1] for line in placed} == {"completed"}
    assert sorted(processes.count(one) for one in set(processes)) == [2, 2, 4]


async def test_the_flask_application_of_the_page_serves_orders(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    [block] = [block.body for block in page("docs/how-to/sync-code.md").blocks() if "Flask(" in block.body]
    monkeypatch.setenv("SAGA_TOKEN", installation.token)
    space: dict[str, Any] = {"__name__": "page"}
    exec(block.replace("https://saga.example.com", installation.link), space)  # noqa: S102 (of our page)
    number = str(uuid4())

    def use() -> tuple[int, dict[str, str]]:
        with space["app"].test_client() as browser, space["sagas"]:
            return browser.put(f"/orders/{number}").status_code, browser.get(f"/orders/{number}").json

    placed, state = await blocking(use)

    assert (placed, state["state"]) == (202, "completed")
