"""The rights of roles: tokens, and every route with every role."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from saga.api.application import build
from saga.api.principals import Principal, Role
from saga.api.server import served
from saga.ports.access.tokens import Asker, new_token
from saga.testing.clocks.hand_clock import HandClock
from tests.api.conftest import LOCAL, client_of
from tests.api.test_errors import assert_problem
from tests.cli.counter import Counter

RANK = {"viewer": {"viewer", "operator", "admin"}, "operator": {"operator", "admin"}, "admin": {"admin"}}
MAY = {**RANK, "starter": {"starter", "operator", "admin"}}
"""The roles that may do what needs this role."""


def operations(counter: Counter) -> Iterator[tuple[str, str, set[str]]]:
    """Method, path and roles of every operation in openapi.json."""
    document = build(counter.away).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            needed = [operation["x-saga-role"], *operation.get("x-saga-also", [])]
            yield method, path, set().union(*(MAY[role] for role in needed))


async def token(counter: Counter, role: Role, expires_at: float | None = None) -> dict[str, str]:
    """The header of a new token."""
    text, line = new_token(f"a {role.value}", role.value, "ann", expires_at)
    await counter.away.adapter.tokens.add(line)
    return {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize("role", Role)
async def test_each_role_may_do_what_the_table_says_and_nothing_else(shop: Counter, role: Role) -> None:
    async def somebody(_: object) -> Principal:
        return Principal("pat", role, "test")

    async with client_of(shop, somebody) as api:
        for method, path, roles in operations(shop):
            filled = path.format(ref="order:x", step="x", name="x", version=1, service="x", token="x")  # noqa: S106
            answer = await api.request(method, filled, json={} if method == "post" else None)
            assert (answer.status_code == 403) is (role.value not in roles), (method, path, answer.text)


async def test_an_unknown_sender_may_do_nothing(shop: Counter) -> None:
    async def nobody(_: object) -> None:
        return None

    async with client_of(shop, nobody) as api:
        for method, path, _ in operations(shop):
            answer = await api.request(method, path, json={} if method == "post" else None)
            assert_problem(answer, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_from_the_first_token_on_every_request_needs_one(shop: Counter) -> None:
    header = await token(shop, Role.VIEWER)

    async with client_of(shop) as api:
        without = await api.get("/v1/sagas")
        with_one = await api.get("/v1/me", headers=header)
        start = await api.post("/v1/sagas", headers=header, json={"definition": "order"})
        wrong = [
            await api.get("/v1/sagas", headers={"authorization": text}) for text in _wrong(header["authorization"])
        ]

    assert_problem(without, "unauthenticated")
    assert (with_one.json()["name"], with_one.json()["role"]) == ("a viewer", "viewer")
    assert_problem(start, "forbidden")
    assert "needs the role starter" in start.json()["detail"]
    for answer in wrong:
        assert_problem(answer, "unauthenticated")


def _wrong(right: str) -> Iterator[str]:
    yield right[:-1] + ("A" if right[-1] != "A" else "B")
    yield right.replace("saga_", "saga_0")
    yield right.replace("Bearer", "Basic")
    yield "Bearer "
    yield "Bearer saga_0000000000_" + "A" * 43


async def test_a_revoked_or_expired_token_is_refused(shop: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.api.tokens.KEPT_SECONDS", 0.0)
    header, expired = await token(shop, Role.ADMIN), await token(shop, Role.ADMIN, expires_at=1.0)

    async with client_of(shop) as api:
        made = await api.post(
            "/v1/tokens", headers=header, json={"name": "grafana", "role": "viewer", "expires": "90d"}
        )
        other = {"authorization": f"Bearer {made.json()['token']}"}
        before = await api.get("/v1/sagas", headers=other)
        listed = await api.get("/v1/tokens", headers=header)
        await api.delete(f"/v1/tokens/{made.json()['id']}", headers=header)
        after = await api.get("/v1/sagas", headers=other)

        assert_problem(await api.get("/v1/sagas", headers=expired), "unauthenticated")
        assert_problem(await api.delete("/v1/tokens/nothing", headers=header), "not-found")
    assert (made.status_code, before.status_code, after.status_code) == (201, 200, 401)
    assert made.json()["token"].rpartition("_")[2] not in listed.text
    assert {one["name"] for one in listed.json()["tokens"]} == {"grafana", "a admin"}


async def test_what_is_known_of_a_token_is_read_again_after_seconds(shop: Counter) -> None:
    clock = HandClock(0.0)
    shop.away.process.clock = clock
    header = await token(shop, Role.VIEWER)

    async with client_of(shop) as api:
        await api.get("/v1/sagas", headers=header)
        (line,) = await shop.away.adapter.tokens.list()
        await shop.away.adapter.tokens.revoke(line.id, Asker("ann"))
        at_once = await api.get("/v1/sagas", headers=header)
        await clock.advance(3.0)
        later = await api.get("/v1/sagas", headers=header)

    assert (at_once.status_code, later.status_code) == (200, 401)
    assert line.used_at is not None


async def test_with_a_token_other_machines_are_served(shop: Counter) -> None:
    header = await token(shop, Role.VIEWER)
    app = build(shop.away)

    async with served(shop.away, "0.0.0.0:0"):
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="https://saga.example", headers=header) as client:
            assert (await client.get("/v1/sagas")).status_code == 200
            assert (await client.get("/v1/sagas", headers={"host": LOCAL})).status_code == 200
