"""The description of the API: complete, and guarded against differences that break clients."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import httpx
import pytest

from saga.api.answers.schemas import ANSWERS
from saga.api.application import build_routes, described
from saga.api.problems import KINDS
from tests.docs.reference.breaking import breaking

START = ("paths", "/v1/sagas", "post")


def test_every_operation_names_its_role_its_problems_and_itself() -> None:
    operations = [one for methods in described(build_routes())["paths"].values() for one in methods.values()]

    assert {one["x-saga-role"] for one in operations} == {"viewer", "starter", "operator", "admin"}
    assert all("application/problem+json" in one["responses"]["default"]["content"] for one in operations)
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["summary"] and one["tags"] for one in operations)


async def test_the_description_and_every_problem_are_served(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    problems = [(await api.get(f"/problems/{name}")).json() for name in KINDS]

    assert document == described(build_routes())
    assert [problem["status"] for problem in problems] == [kind.status for kind in KINDS.values()]
    assert (await api.get("/problems/nothing")).status_code == 404


async def test_the_page_about_the_api_shows_every_route_and_loads_nothing_from_elsewhere(
    api: httpx.AsyncClient,
) -> None:
    page = (await api.get("/docs")).text

    assert all(path in page for path in described(build_routes())["paths"])
    assert "curl -X POST" in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)


def at(document: dict[str, Any], *path: str) -> Any:
    for name in path:
        document = document[name]
    return document


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda new: new["paths"].pop("/v1/sagas/{ref}"), "GET /v1/sagas/{ref}: removed"),
        (lambda new: at(new, *START).update({"x-saga-role": "admin"}), "POST /v1/sagas: it needs another role"),
        (lambda new: at(new, *START).update(operationId="begin"), "operationId is another one"),
        (lambda new: at(new, *START, "responses").pop("default"), "answer default removed"),
        (lambda new: at(new, "paths", "/v1/sagas", "get", "parameters").pop(0), "parameter q removed"),
        (lambda new: at(new, "paths", "/v1/sagas", "get", "parameters")[0].update(required=True), "q is required now"),
        (lambda new: at(new, "components", "schemas").pop("Start"), "schema Start: removed"),
        (lambda new: at(new, "components", "schemas", "Start", "properties").pop("key"), "schema Start: key removed"),
        (lambda new: at(new, "components", "schemas", "Start", "required").append("key"), "key is required now"),
        (lambda new: at(new, "components", "schemas", "Role", "enum").pop(), "value 'admin' removed"),
        (
            lambda new: at(new, "components", "schemas", "Start", "properties", "definition").update(type="object"),
            "type",
        ),
    ],
)
def test_a_breaking_difference_is_found(change: Any, said: str) -> None:
    old = described(build_routes())
    new = deepcopy(old)
    change(new)

    assert said in "\n".join(breaking(old, new))


def test_growth_is_not_a_breaking_difference() -> None:
    old = described(build_routes())
    new = deepcopy(old)
    new["paths"]["/v1/more"] = new["paths"]["/v1/sagas"]
    at(new, "components", "schemas", "Start", "properties")["more"] = {"type": "string"}

    assert list(breaking(old, new)) == []


def test_the_answer_of_every_route_has_a_type() -> None:
    operations = [one for methods in described(build_routes())["paths"].values() for one in methods.values()]
    untyped = [one["operationId"] for one in operations if not has_types(one["responses"])]
    names = {one["operationId"] for one in operations}

    assert untyped == []
    assert ANSWERS.keys() - names == set()


def has_types(responses: dict[str, Any]) -> bool:
    """Tells whether each answer that is not a problem has a schema, or is empty."""
    bodies = [one for status, one in responses.items() if status not in ("204", "default")]
    return all(media["schema"] for one in bodies for media in one["content"].values()) and bodies != []
