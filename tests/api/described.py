"""Checks that an answer is the one that `openapi.json` describes: its status, its media type and its schema."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from saga.api.application import build_routes, described


@cache
def document() -> dict[str, Any]:
    return described(build_routes())


@cache
def operations() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The paths as patterns, the most exact ones first."""
    paths = sorted(document()["paths"].items(), key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), methods) for path, methods in paths]


@cache
def validator(operation: str, status: str, media: str) -> Draft202012Validator:
    [found] = [one for _, methods in operations() for one in methods.values() if one["operationId"] == operation]
    assert status in found["responses"], f"{operation} does not describe the status {status}"
    content = found["responses"][status].get("content", {})
    assert media in content, f"{operation} {status} does not describe {media or 'an empty answer'}: {list(content)}"
    return Draft202012Validator({"components": document()["components"], **content[media]["schema"]})


async def check_answer(answer: httpx.Response) -> None:
    """An event hook of a client: an answer of a route is as it is described, and has no member that is not."""
    method, path = answer.request.method.lower(), answer.request.url.path
    found = [methods[method] for pattern, methods in operations() if pattern.fullmatch(path) and method in methods]
    if not found or answer.status_code == 304:
        return
    media = answer.headers.get("content-type", "").partition(";")[0]
    status = str(answer.status_code) if answer.is_success else "default"
    if answer.status_code == 204:
        assert "content" not in found[0]["responses"]["204"]
        return
    check = validator(found[0]["operationId"], status, media)
    if media.endswith("json"):
        await answer.aread()
        check.validate(answer.json())
        if answer.is_success:
            check_members(check.schema, answer.json(), found[0]["operationId"])


def check_members(schema: Any, answer: dict[str, Any], operation: str) -> None:
    schemas = schema["components"]["schemas"]
    names = [one["$ref"].rpartition("/")[2] for one in schema.get("anyOf", [schema])]
    known = [schemas[name]["properties"].keys() for name in names]
    assert any(answer.keys() <= one for one in known), f"{operation} answers with more than {names} describe"
