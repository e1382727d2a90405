"""Acting over the API: the plan first, then the action on exactly that plan."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from saga import Definition, Retry
from saga.api.principals import Principal, Role
from tests.api.conftest import client_of
from tests.api.test_errors import assert_problem
from tests.cli.counter import Counter

WHY = {"reason": "the customer called"}


@pytest.fixture
async def retrying(shop: Counter) -> UUID:
    """A saga that has reserved, and whose charge is retried."""
    shop.faults["charge"] = ConnectionError("no answer")
    saga = await shop.start()
    await shop.until(saga, lambda detail: any(command.failures for command in detail.commands.values()))
    return saga


async def test_a_grave_action_needs_the_digest_of_its_plan(api: httpx.AsyncClient, retrying: UUID) -> None:
    path = f"/v1/sagas/{retrying}/rollback"
    tried = await api.post(path, params={"dry_run": True}, json=WHY)
    without = await api.post(path, json=WHY)
    digest = without.json()["plan"]["digest"]
    other = await api.post(path, json=WHY, headers={"if-match": '"0123abcd"'})
    malformed = await api.post(path, json=WHY, headers={"if-match": digest})
    done = await api.post(path, json=WHY, headers={"if-match": f'"{digest}"'})

    assert tried.headers["etag"] == f'"{digest}"'
    assert tried.json()["plan"] == without.json()["plan"]
    assert_problem(without, "plan-needed")
    assert_problem(other, "plan-moved")
    assert other.json()["plan"]["digest"] == digest
    assert_problem(malformed, "usage")
    assert (done.status_code, done.json()["roll_back_requested"]) == (200, True)


async def test_any_plan_may_be_approved_and_a_refusal_names_its_reason(shop: Counter, api: httpx.AsyncClient) -> None:
    saga = await shop.start()
    await shop.until_vector(saga, "SSS")

    refused = await api.post(f"/v1/sagas/{saga}/rollback", json=WHY, headers={"if-match": "*"})

    assert_problem(refused, "conflict")
    assert "completed" in refused.json()["detail"]


async def test_pausing_and_resuming_need_no_plan(api: httpx.AsyncClient, retrying: UUID) -> None:
    paused = await api.post(f"/v1/sagas/{retrying}/pause", json=WHY)
    again = await api.post(f"/v1/sagas/{retrying}/pause", json=WHY)
    resumed = await api.post(f"/v1/sagas/{retrying}/resume", json=WHY)

    assert (paused.json()["paused"], resumed.json()["paused"]) == (True, False)
    assert_problem(again, "conflict")


async def test_a_repeated_request_gets_the_first_answer(api: httpx.AsyncClient, retrying: UUID) -> None:
    headers = {"idempotency-key": "ticket-4711"}
    first = await api.post(f"/v1/sagas/{retrying}/pause", json=WHY, headers=headers)
    again = await api.post(f"/v1/sagas/{retrying}/pause", json=WHY, headers=headers)
    audit = (await api.get(f"/v1/sagas/{retrying}/audit")).json()["audit"]

    assert (first.status_code, again.status_code) == (200, 200)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(audit) == 1


async def test_the_audit_says_who_why_and_how(shop: Counter, retrying: UUID) -> None:
    async def ann(_: object) -> Principal:
        return Principal("ann", Role.OPERATOR, "token 4711", "192.0.2.7")

    async with client_of(shop, ann) as api:
        await api.post(f"/v1/sagas/{retrying}/pause", json=WHY)
        (line,) = (await api.get(f"/v1/sagas/{retrying}/audit")).json()["audit"]
        listed = (await api.get("/v1/audit", params={"actor": "ann"})).json()["audit"]
        nobody = (await api.get("/v1/audit", params={"actor": "bob"})).json()["audit"]
        abandoning = await api.post(f"/v1/sagas/{retrying}/abandon", json=WHY)

    assert (line["actor"], line["action"], line["reason"]) == ("ann", "pause", WHY["reason"])
    assert (line["authenticated"], line["address"]) == ("token 4711", "192.0.2.7")
    assert [one["id"] for one in listed] == [line["id"]]
    assert nobody == []
    assert_problem(abandoning, "forbidden")


async def test_the_actions_that_are_allowed_are_listed_with_the_reasons_against_the_others(
    shop: Counter, retrying: UUID
) -> None:
    async def ann(_: object) -> Principal:
        return Principal("ann", Role.OPERATOR, "test")

    async with client_of(shop, ann) as api:
        listed = (await api.get(f"/v1/sagas/{retrying}", params={"with": "allowed,effects"})).json()

    found = {one["action"]: one for one in listed["allowed"]}
    assert {name: one["ok"] for name, one in found.items()} == {
        "roll back": True, "pause": True, "resume": False, "retry": False, "abandon": False,
    }  # fmt: skip
    assert found["abandon"]["why_not"] == "this needs the role admin"
    assert [one["effect"] for one in listed["effects"]] == ["stands", "unknown", "not yet"]


async def test_a_quarantined_step_is_resolved(shop: Counter, api: httpx.AsyncClient) -> None:
    definition = Definition("fragile", version=1)
    definition.step("payments.charge", pivot=True, retry=Retry(attempts=1))
    await shop.sagas.register(definition)
    shop.faults["charge"] = ConnectionError("no answer")
    saga = (await shop.sagas.start(definition, {"sku": "A"})).id
    await shop.until(saga, lambda detail: detail.state.is_stuck)
    path, body = f"/v1/sagas/{saga}/resolve", {**WHY, "step": "charge", "evidence": "happened"}

    retried = await api.post(f"/v1/sagas/{saga}/retry", params={"dry_run": True}, json=WHY)
    resolved = await api.post(path, json=body, headers={"if-match": "*"})

    assert retried.json()["plan"]["refusal"] is None
    assert resolved.json()["phase"] == "completed"
    assert_problem(await api.post(path, json=WHY), "usage")
    assert_problem(await api.post(path, json={**body, "evidence": "perhaps"}), "input-refused")
    assert_problem(await api.post(path, json={"reason": ""}), "input-refused")
