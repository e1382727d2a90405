"""Lists and single sagas over the API."""

from __future__ import annotations

import httpx

from tests.cli.counter import Counter


async def test_a_saga_is_listed_and_shown_by_id_and_by_key(shop: Counter, api: httpx.AsyncClient) -> None:
    saga = await shop.start("order-1")
    await shop.until_vector(saga, "SSS")

    listed = (await api.get("/v1/sagas")).json()
    shown = [(await api.get(f"/v1/sagas/{ref}")).json() for ref in (saga, "order:order-1")]

    assert [line["saga"] for line in listed["sagas"]] == [str(saga)]
    assert shown[0]["saga"] == shown[1]["saga"] == str(saga)
    assert shown[0]["phase"] == "completed"
    assert shown[0]["started_at"].endswith("Z")
    assert shown[0]["now"] >= shown[0]["ended_at"] >= shown[0]["started_at"]
    assert [step["state"] for step in shown[0]["steps"]] == ["succeeded"] * 3


async def test_the_parts_are_chosen(shop: Counter, api: httpx.AsyncClient) -> None:
    saga = await shop.start()

    bare = (await api.get(f"/v1/sagas/{saga}", params={"with": ""})).json()
    refused = await api.get(f"/v1/sagas/{saga}", params={"with": "stops"})

    assert "steps" not in bare
    assert refused.status_code == 400
    assert "the parts are" in refused.json()["detail"]
