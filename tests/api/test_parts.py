"""The parts of a saga and the state of the installation over the API."""

from __future__ import annotations

import httpx
import pytest

from saga import Definition, Reject, Retry
from saga.api.principals import Principal, Role
from tests.api.conftest import client_of
from tests.api.test_errors import assert_problem
from tests.cli.counter import Counter


async def viewer(_: object) -> Principal:
    return Principal("vera", Role.VIEWER, "test")


async def test_the_result_is_waited_for(shop: Counter, api: httpx.AsyncClient) -> None:
    done = await shop.start("done")
    ended = await api.get(f"/v1/sagas/{done}/result", params={"wait": "20s"})
    shop.blocked.add("reserve")
    running = await shop.start("running")
    waiting = (await api.get(f"/v1/sagas/{running}/result")).status_code

    assert waiting == 202
    assert (ended.status_code, ended.json()["status"], ended.json()["value"]) == (200, "completed", "charge done")
    assert_problem(await api.get(f"/v1/sagas/{done}/result", params={"wait": "2m"}), "usage")


async def test_a_history_is_read_page_by_page(shop: Counter, api: httpx.AsyncClient) -> None:
    saga = await shop.start()
    await shop.until_vector(saga, "SSS")
    whole = (await api.get(f"/v1/sagas/{saga}/history")).json()

    pages, cursor = [], dict[str, str]()
    while page := (await api.get(f"/v1/sagas/{saga}/history", params={"limit": 2, **cursor})).json():
        pages += page["history"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert pages == whole["history"]
    assert [line["event"] for line in pages] == ["started", "succeeded", "succeeded", "succeeded", "completed"]
    assert_problem(await api.get(f"/v1/sagas/{saga}/history", params={"cursor": "x"}), "usage")


async def test_steps_graph_effects_and_why(shop: Counter, api: httpx.AsyncClient) -> None:
    shop.faults["confirm"] = ConnectionError("no answer")
    saga = await shop.start()
    await shop.until(saga, lambda detail: any(command.failures for command in detail.commands.values()))

    step = (await api.get(f"/v1/sagas/{saga}/steps/confirm")).json()
    graph = (await api.get(f"/v1/sagas/{saga}/graph")).json()
    drawn = [(await api.get(f"/v1/sagas/{saga}/graph", params={"format": form})).text for form in ("mermaid", "svg")]
    effects = (await api.get(f"/v1/sagas/{saga}/effects")).json()["effects"]
    why = (await api.get(f"/v1/sagas/{saga}/why")).json()

    assert (step["service"], step["failures"]) == ("mail", 1)
    assert graph["edges"] == [["reserve", "charge"], ["charge", "confirm"]]
    assert "flowchart" in drawn[0]
    assert "<svg" in drawn[1]
    assert [(one["step"], one["effect"]) for one in effects] == [
        ("reserve", "stands"),
        ("charge", "stands"),
        ("confirm", "unknown"),
    ]
    assert (why["situation"], why["step"]) == ("retry wait", "confirm")
    assert_problem(await api.get(f"/v1/sagas/{saga}/steps/nothing"), "not-found")


async def test_a_rolled_back_saga_has_its_effects_undone(shop: Counter, api: httpx.AsyncClient) -> None:
    shop.faults["charge"] = Reject("card declined")
    saga = await shop.start()
    await shop.until(saga, lambda detail: detail.state.phase.is_terminal)

    effects = (await api.get(f"/v1/sagas/{saga}/effects")).json()["effects"]

    assert [one["effect"] for one in effects] == ["undone", "never happened", "never happened"]


async def test_a_viewer_sees_no_payloads(shop: Counter) -> None:
    saga = await shop.start(sku="canary")
    await shop.until_vector(saga, "SSS")

    parts = ("", "/result", "/history", "/steps/charge", "/graph", "/effects")
    async with client_of(shop, viewer) as api:
        texts = [(await api.get(f"/v1/sagas/{saga}{part}")).text for part in parts]

    assert "canary" not in "".join(texts)
    assert "charge done" not in "".join(texts)
    assert "$hidden" in texts[0]


@pytest.fixture
async def stuck(shop: Counter) -> None:
    """Two sagas of a definition whose only step fails once and for all."""
    definition = Definition("fragile", version=1)
    definition.step("payments.charge", pivot=True, retry=Retry(attempts=1))
    await shop.sagas.register(definition)
    for number in range(2):
        shop.faults["charge"] = ConnectionError(f"no answer from host-{number} in 30 s")
        handle = await shop.sagas.start(definition, {"sku": "A"}, key=f"stuck-{number}")
        await shop.until(handle.id, lambda detail: detail.state.is_stuck)


@pytest.mark.usefixtures("stuck")
async def test_stuck_sagas_are_grouped_by_their_cause(api: httpx.AsyncClient) -> None:
    (group,) = (await api.get("/v1/stuck")).json()["groups"]
    (by_service,) = (await api.get("/v1/stuck", params={"by": "service"})).json()["groups"]

    assert (group["definition"], group["step"], group["count"]) == ("fragile", "charge", 2)
    assert "host-# in # s" in group["reason"]
    assert (group["evidence"], group["service_is_alive"]) == (["happened", "did-not-happen"][::-1], True)
    assert len(group["samples"]) == 2
    assert (by_service["service"], by_service["count"], by_service["step"]) == ("payments", 2, None)


@pytest.mark.usefixtures("stuck")
async def test_waiting_sagas_and_the_doctor(api: httpx.AsyncClient) -> None:
    waiting = (await api.get("/v1/waiting")).json()["waiting"]
    doctor = (await api.get("/v1/doctor")).json()

    assert [one["situation"] for one in waiting] == ["quarantined"] * 2
    assert {check["name"]: check["ok"] for check in doctor["checks"]} == {
        "leader": False,
        "services": True,
        "stuck": False,
        "deadlines": True,
    }


async def test_services_processes_and_the_leader(api: httpx.AsyncClient) -> None:
    services = (await api.get("/v1/services")).json()["services"]
    one = (await api.get("/v1/services/mail")).json()
    processes = (await api.get("/v1/processes")).json()["processes"]
    leader = (await api.get("/v1/leader")).json()
    me = (await api.get("/v1/me")).json()

    assert [service["name"] for service in services] == ["inventory", "mail", "payments"]
    assert (one["processes"], one["definitions"]) == (["shop"], ["order v1"])
    assert [process["name"] for process in processes] == ["desk", "shop"]
    assert (leader["alive"], leader["name"]) == (False, None)
    assert (me["name"], me["role"]) == ("local", "admin")
    assert_problem(await api.get("/v1/services/nothing"), "not-found")


async def test_definitions_and_their_versions(shop: Counter, api: httpx.AsyncClient) -> None:
    listed = (await api.get("/v1/definitions")).json()["definitions"]
    version = (await api.get("/v1/definitions/order/versions/1")).json()
    graph = version["graph"] | {"version": 2}

    tried = await api.post("/v1/definitions", params={"dry_run": True}, json={"graph": graph})
    new = await api.post("/v1/definitions", json={"graph": graph, "activate": False})
    known = await api.post("/v1/definitions", json={"graph": graph, "activate": False})
    versions = (await api.get("/v1/definitions/order")).json()["versions"]
    diff = (await api.get("/v1/definitions/order/diff", params={"from": 1, "to": 2})).json()

    assert [one["name"] for one in listed] == ["order"]
    assert [answer.status_code for answer in (tried, new, known)] == [200, 201, 200]
    assert [(one["version"], one["default"]) for one in versions] == [(2, False), (1, True)]
    assert diff["changes"] == ["version: 1 -> 2"]
    assert_problem(await api.get("/v1/definitions/ordr"), "not-found")
    assert_problem(await api.get("/v1/definitions/order/versions/9"), "not-found")
    assert shop.order.version == 1


async def test_an_older_version_is_activated_again(shop: Counter, api: httpx.AsyncClient) -> None:
    version = (await api.get("/v1/definitions/order/versions/1")).json()
    await api.post("/v1/definitions", json={"graph": version["graph"] | {"version": 2}})

    activated = await api.post("/v1/definitions/order/versions/1/activate")

    assert (activated.json()["version"], activated.json()["before"]) == (1, 2)
    assert (await shop.sagas.adapter.directory.find("order", None))[1].version == 1
    assert_problem(await api.post("/v1/definitions/order/versions/9/activate"), "not-found")


async def test_the_difference_says_what_happens_to_sagas_in_flight(shop: Counter, api: httpx.AsyncClient) -> None:
    shop.blocked.add("reserve")
    await shop.start("order-1")
    text = "name: order\nversion: 2\nsteps:\n- step: payments.charge\n  inputs: {sku: A-1}\n"
    registered = await api.post("/v1/definitions", json={"text": text, "activate": False})

    found = (await api.get("/v1/definitions/order/diff", params={"from": 1, "to": 2})).json()
    back = (await api.get("/v1/definitions/order/diff", params={"from": 2, "to": 1})).json()

    assert registered.status_code == 201, registered.text
    assert (found["live_sagas"], found["default"]) == ({"from": 1, "to": 0}, 1)
    assert found["only_from_needs"] == ["inventory.reserve", "mail.confirm"]
    assert found["effect"] == [
        "1 saga in flight: on version 1 to the end, whatever is activated",
        "until then they need inventory.reserve, mail.confirm, which version 2 does not",
        "a start by name uses version 1; version 2 once it is activated",
    ]
    assert back["effect"] == ["a start by name uses version 1 already"]


async def test_a_text_that_is_not_acceptable_is_refused_with_its_line_and_column(api: httpx.AsyncClient) -> None:
    text = "name: order\nversion: 2\nsteps:\n- step: inventory.hold\n- step: bank.charge\n  colour: red\n"

    misspelt = await api.post("/v1/definitions", json={"text": text})
    unknown = await api.post("/v1/definitions", json={"text": text.replace("  colour: red\n", "")})
    both = await api.post("/v1/definitions", json={"text": text, "graph": {"name": "order"}})

    assert_problem(misspelt, "definition-refused")
    assert "line 6, column 3" in misspelt.json()["findings"][0]
    assert ["line 4, column 3" in one or "line 5, column 3" in one for one in unknown.json()["findings"]][:2] == [
        True
    ] * 2
    assert_problem(both, "usage")


async def test_a_dry_run_stores_nothing_and_refuses_the_same(api: httpx.AsyncClient) -> None:
    text = "name: order\nversion: {}\nsteps:\n- step: payments.charge\n  inputs: {{sku: A-1}}\n"
    dry = {"dry_run": True}

    new = await api.post("/v1/definitions", params=dry, json={"text": text.format(2)})
    known = await api.post("/v1/definitions", json={"text": text.format(3)})
    again = await api.post("/v1/definitions", params=dry, json={"text": text.format(3)})
    other = await api.post("/v1/definitions", params=dry, json={"text": text.format(1)})
    over = await api.post("/v1/definitions", params=dry, json={"text": text.format(1), "overwrite": True})

    assert [(one.json()["is_new"], one.json()["number"]) for one in (new, again, over)] == [
        (True, None),
        (False, known.json()["number"]),
        (True, None),
    ]
    assert_problem(other, "conflict")
    assert [one["version"] for one in (await api.get("/v1/definitions/order")).json()["versions"]] == [3, 1]


async def test_a_definition_that_does_not_fit_is_refused(api: httpx.AsyncClient) -> None:
    graph = (await api.get("/v1/definitions/order/versions/1")).json()["graph"]
    missing = graph | {"version": 2, "steps": [{**graph["steps"][0], "handler": "hold"}, *graph["steps"][1:]]}
    other = graph | {"compensation_budget_ms": 1}

    refused = await api.post("/v1/definitions", json={"graph": missing})

    assert_problem(refused, "definition-refused")
    assert "inventory.hold" in refused.json()["findings"][0]
    assert_problem(await api.post("/v1/definitions", json={"graph": other}), "conflict")
    assert_problem(await api.post("/v1/definitions", json={"graph": {"steps": 3}}), "definition-refused")
    assert_problem(await api.post("/v1/definitions", json={"graph": [1]}), "input-refused")
