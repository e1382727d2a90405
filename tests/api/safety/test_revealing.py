"""One sensitive field, revealed: to an admin, for a reason that the audit has before the value is shown, once, and nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from saga.api.principals import Role
from saga.errors import Unavailable
from saga.ports.values.audit import Audit
from tests.api.safety.test_secrets import CANARY, Office, asked, office_on

FIELD = ["input", "card", "number"]
IN_RESULT = ["steps", "charge", "output", "card"]
WORDS = "input.card.number"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[Office]:
    async with office_on("memory://revealing") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def api(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with asked(office) as client:
        client.headers["x-role"] = Role.ADMIN.value
        yield client


async def reveal(api: httpx.AsyncClient, office: Office, **body: Any) -> httpx.Response:
    wanted = {"path": FIELD, "reason": "the bank asks"} | body
    return await api.post(f"/v1/sagas/{office.ended}/reveal", json=wanted)


async def audit(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await api.get("/v1/audit")).json()["audit"])


async def test_an_admin_sees_one_field_and_the_audit_says_so(office: Office, api: httpx.AsyncClient) -> None:
    shown, in_result = await reveal(api, office), await reveal(api, office, path=IN_RESULT, reason="again")
    lines = await audit(api)

    assert (shown.status_code, shown.json()["value"], shown.json()["path"]) == (200, CANARY, FIELD)
    assert in_result.json()["value"] == {"full": CANARY}
    assert shown.headers["cache-control"] == "no-store"
    assert [(line["action"], line["reason"], line["actor"], line["saga"]) for line in lines[:2]] == [
        ("reveal steps.charge.output.card", "again", "pat", str(office.ended)),
        (f"reveal {WORDS}", "the bank asks", "pat", str(office.ended)),
    ]
    assert CANARY not in json.dumps(lines)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_another_role_is_refused_and_the_audit_says_so(
    office: Office, api: httpx.AsyncClient, role: Role
) -> None:
    api.headers["x-role"] = role.value
    answers = [
        await reveal(api, office, reason=f"as {role.value}"),
        await api.post("/v1/sagas/pay:nothing/reveal", json={"nonsense": True}),
        await api.post(f"/sagas/{office.ended}", data={"reveal": json.dumps(FIELD), "reason": "by the form"}),
    ]
    api.headers["x-role"] = Role.ADMIN.value
    form, nonsense, rest = [line for line in await audit(api) if line["refusal"] is not None][:3]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert not [answer for answer in answers if CANARY in answer.text]
    assert (rest["action"], rest["reason"]) == (f"reveal {WORDS}", f"as {role.value}")
    assert rest["refusal"] == f"pat has the role {role.value}, and this needs the role admin"
    assert (nonsense["action"], nonsense["saga"]) == ("reveal", None)
    assert form["reason"] == "by the form"


async def test_a_value_is_not_shown_unless_the_audit_has_the_line(
    office: Office, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def record(saga: UUID | None, line: Audit) -> None:
        raise Unavailable(f"the store is away: {saga} {line.action.action}")

    monkeypatch.setattr(office.sagas.process.ledger, "record", record)
    answer = await reveal(api, office)

    assert answer.status_code == 503
    assert CANARY not in answer.text


async def test_a_request_reveals_once(office: Office, api: httpx.AsyncClient) -> None:
    api.headers["idempotency-key"] = "ticket 88"
    first, second = await reveal(api, office), await reveal(api, office)

    assert (first.status_code, second.status_code) == (200, 409)
    assert "ask again, with a reason" in second.text
    assert CANARY not in second.text


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"path": ["input", "note"]}, 400, f"is not a hidden field: those of this saga are {WORDS}"),
        ({"path": ["input", "card"]}, 400, "is not a hidden field"),
        ({"path": []}, 422, "path"),
        ({"reason": ""}, 422, "reason"),
        ({"reason": "x" * 501}, 422, "reason"),
    ],
)
async def test_only_a_hidden_field_is_revealed_and_only_for_a_reason(
    office: Office, api: httpx.AsyncClient, body: dict[str, Any], status: int, words: str
) -> None:
    answer = await reveal(api, office, **body)

    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert CANARY not in answer.text


async def test_the_page_shows_it_after_a_form_and_nowhere_else(
    office: Office, api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "saga")
    path = f"/sagas/{office.ended}"
    data = (await api.get(f"{path}?tab=data")).text
    form = (await api.get(path, params={"tab": "data", "reveal": json.dumps(FIELD)})).text
    sent = {"reveal": json.dumps(FIELD), "request": "of a page"}
    without = await api.post(path, data=sent)
    shown, again = [await api.post(path, data=sent | {"reason": "the bank asks"}) for _ in range(2)]
    broken = await api.post(path, data={"reveal": "nonsense", "reason": "why"})
    after = (await api.get(f"{path}?tab=data")).text

    assert f"<code>{WORDS}</code>" in data
    assert f"Reveal {WORDS}" in form
    assert json.dumps(FIELD) in unescape(form)
    assert (without.status_code, shown.status_code, again.status_code, broken.status_code) == (400, 200, 409, 400)
    assert CANARY in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert not [text for text in (data, form, without.text, again.text, after, caplog.text) if CANARY in text]


async def test_a_reader_without_the_right_is_told_which_role_has_it(office: Office, api: httpx.AsyncClient) -> None:
    api.headers["x-role"] = Role.OPERATOR.value
    page = await api.get(f"/sagas/{office.ended}", params={"tab": "data", "reveal": json.dumps(FIELD)})
    api.headers["x-role"] = Role.VIEWER.value
    viewer = await api.get(f"/sagas/{office.ended}", params={"tab": "data"})

    assert "it needs the role admin" in page.text
    assert WORDS not in viewer.text
