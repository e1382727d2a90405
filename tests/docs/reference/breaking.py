"""Differences between two descriptions of the API that would break a client of the old one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Described = dict[str, Any]


def breaking(old: Described, new: Described) -> Iterator[str]:
    """Yields each difference that a client of the old API may stumble over. More routes, answers and optional parameters are fine."""
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            after = new["paths"].get(path, {}).get(method)
            place = f"{method.upper()} {path}"
            if after is None:
                yield f"{place}: removed"
            else:
                yield from _operation(place, before, after)
    for name, before in old.get("components", {}).get("schemas", {}).items():
        after = new.get("components", {}).get("schemas", {}).get(name)
        if after is None:
            yield f"schema {name}: removed"
        else:
            yield from _schema(f"schema {name}", before, after)


def _operation(place: str, before: Described, after: Described) -> Iterator[str]:
    if before["operationId"] != after["operationId"]:
        yield f"{place}: its operationId is another one, by which generated clients name it"
    if (before["x-saga-role"], *before.get("x-saga-also", [])) != (after["x-saga-role"], *after.get("x-saga-also", [])):
        yield f"{place}: it needs another role"
    yield from (
        f"{place}: answer {status} removed" for status in before["responses"].keys() - after["responses"].keys()
    )
    known = {(one["in"], one["name"]): one for one in before.get("parameters", [])}
    given = {(one["in"], one["name"]): one for one in after.get("parameters", [])}
    yield from (f"{place}: parameter {name} removed" for _, name in known.keys() - given.keys())
    for key, parameter in given.items():
        if parameter.get("required") and not known.get(key, {}).get("required"):
            yield f"{place}: parameter {key[1]} is required now"
        if key in known:
            yield from _schema(
                f"{place}: parameter {key[1]}", known[key].get("schema", {}), parameter.get("schema", {})
            )


def _schema(place: str, before: Described, after: Described) -> Iterator[str]:
    yield from (
        f"{place}: {name} removed" for name in before.get("properties", {}).keys() - after.get("properties", {}).keys()
    )
    yield from (
        f"{place}: {name} is required now" for name in set(after.get("required", [])) - set(before.get("required", []))
    )
    yield from (
        f"{place}: value {value!r} removed"
        for value in before.get("enum", [])
        if value not in after.get("enum", [value])
    )
    if before.get("type", after.get("type")) != after.get("type"):
        yield f"{place}: it has another type"
    for name, value in before.get("properties", {}).items():
        yield from _schema(f"{place}.{name}", value, after.get("properties", {}).get(name, value))
