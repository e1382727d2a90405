"""Lists and single sagas over the API."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import httpx

from saga.inspection.documents import ALL_PARTS, saga_document
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


async def test_the_commands_and_the_api_show_the_same_document(shop: Counter, api: httpx.AsyncClient) -> None:
    shop.faults["charge"] = ConnectionError("no answer")
    for number in range(3):
        saga = await shop.start(f"order-{number}", sku=f"A-{number}")
        await shop.until(saga, lambda detail: any(command.failures for command in detail.commands.values()))
        parts = {"with": ",".join(ALL_PARTS)}

        shown = (await api.get(f"/v1/sagas/{saga}", params=parts)).json()
        printed = json.loads(json.dumps(saga_document(await shop.detail(saga))))

        assert shown.keys() - {"now"} == printed.keys()
        assert as_numbers({name: shown[name] for name in printed}) == as_numbers(printed)


def as_numbers(value: Any) -> Any:
    """The document with its times as milliseconds, whether they are texts or numbers."""
    if isinstance(value, dict):
        return {name: as_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_numbers(one) for one in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    return int(value * 1000) if isinstance(value, float) else value
