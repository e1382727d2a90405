"""Starts sagas and waits for them, over the HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid4

import msgspec

from saga.authoring import Definition
from saga.client.ending import Ending, Sent
from saga.client.event_values import encoded, event_of
from saga.client.remote.http import CONNECT_SECONDS, Api, http_client
from saga.client.remote.reading import explanation_of, searched_of
from saga.client.sagas import Handle, Sagas
from saga.codec.codec import Value, encode_untyped
from saga.core.check.finding import Code, Finding, refuse_errors
from saga.core.definition.json_value import Json
from saga.errors import ActionRefused, Conflict, NotFound, PlanChanged, Unavailable, UsageError
from saga.inspection.actions.request import ActionName, ActionRequest, Evidence
from saga.inspection.explanation import Explanation
from saga.inspection.query.search import Searched
from saga.logger import get_logger
from saga.operations import ANY_PLAN
from saga.runtime.planning.start_values import check_texts, encoded_input, encoded_tags

WAIT_SECONDS: Final = 25.0
"""For how long one request waits for the end of a saga; then the next one does. A proxy may cut what takes a minute."""
WAITS_AT_ONCE: Final = 100
"""Maximum number of sagas whose end is waited for in requests at a time. Others take turns with them."""
TURN_SECONDS: Final = 1.0
"""For how long one request waits while others want their turn."""
PAUSE_SECONDS: Final = 1.0
"""Pause of a waiter after the API has not answered for a while."""


class ApiSagas(Sagas):
    """A connection to the HTTP API of an installation. Made by `saga.connect(api=...)`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._waits = asyncio.Semaphore(WAITS_AT_ONCE)
        self._log = get_logger("saga.client")

    def __repr__(self) -> str:
        return f"<sagas at {self._api.place}>"

    async def register(self, definition: Definition, *, activate: bool = True, overwrite: bool = False) -> int:
        refuse_errors(f"definition {definition} cannot be accepted", _input_faults(definition))
        wanted = {"text": definition.to_yaml(), "activate": activate, "overwrite": overwrite}
        number: int = (await self._api.post("v1/definitions", msgspec.json.encode(wanted)))["number"]
        return number

    async def start(
        self,
        definition: Definition | str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle:
        """Starts a saga, see `Sagas.start`. A definition is registered only if its version is not there yet."""
        saga = self.new_id()
        if isinstance(definition, str):
            data = encoded_input(definition, encode_untyped, input)
            found = await self._start(saga, definition, version, data, key, tags)
        else:
            data = encoded_input(definition.name, definition.encode_input, input)
            try:
                found = await self._start(saga, definition.name, definition.version, data, key, tags)
            except NotFound:
                await self.register(definition)
                found = await self._start(saga, definition.name, definition.version, data, key, tags)
        return Handle(self, UUID(found["saga"]), is_new=UUID(found["saga"]) == saga)

    async def start_as(
        self,
        saga: UUID | None,
        definition: str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle:
        if saga is None:
            return await self.start(definition, input, key=key, version=version, tags=tags)
        found = await self._start(
            saga, definition, version, encoded_input(definition, encode_untyped, input), key, tags
        )
        return Handle(self, UUID(found["saga"]), is_new=found["is_new"])

    async def _start(
        self, saga: UUID, name: str, version: int | None, data: bytes, key: str | None, tags: dict[str, str] | None
    ) -> Any:
        """Starts a saga under an id, so that the request may be repeated. Returns the answer of the API."""
        check_texts(key, tags)
        if tags is not None:
            encoded_tags(name, tags)
        wanted = {"id": str(saga), "definition": name, "version": version, "key": key, "tags": tags}
        return await self._api.post("v1/sagas", msgspec.json.encode({**wanted, "input": msgspec.Raw(data)}))

    async def send(
        self,
        saga: UUID | Handle | tuple[str, str],
        name: str,
        payload: Value = None,
        *,
        id: str | None = None,  # noqa: A002 (the word of the protocol)
    ) -> Sent:
        if isinstance(saga, tuple):
            saga = await self.find(*saga)
        event = event_of(name, payload, str(self.new_id()) if id is None else id)
        wanted = {"id": event.event, "name": name, "payload": msgspec.Raw(event.payload)}
        target = saga if isinstance(saga, UUID) else saga.id
        found = await self._api.post(f"v1/sagas/{target}/messages", msgspec.json.encode(wanted))
        return Sent(found["id"], is_new=found["is_new"])

    async def complete(self, token: str, value: Value = None) -> Sent:
        return await self._complete(token, {"value": msgspec.Raw(encoded("the result", value))})

    async def reject(self, token: str, reason: str) -> Sent:
        return await self._complete(token, {"rejected": reason})

    async def fail(self, token: str, reason: str) -> Sent:
        return await self._complete(token, {"failed": reason})

    async def _complete(self, token: str, outcome: dict[str, Value]) -> Sent:
        found = await self._api.post("v1/completions", msgspec.json.encode({"token": token, **outcome}))
        return Sent(found["id"], is_new=found["is_new"])

    async def find(self, definition: Definition | str, key: str) -> Handle:
        name = definition if isinstance(definition, str) else definition.name
        found = await self._api.get(f"v1/definitions/{quote(name, safe='')}/saga", {"key": key})
        return Handle(self, UUID(found["saga"]))

    async def wait(self, saga: UUID, *, is_new: bool = False) -> Ending:  # noqa: ARG002 (the API knows)
        while True:
            try:
                found = await self._result(saga)
            except Unavailable as error:  # the saga goes on, and so does the waiting
                self._log.warning("cannot look up a saga", saga=str(saga), error=str(error))
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if found["status"] is not None:
                return Ending(saga, found["status"], found["value"], found["reason"])

    async def search(self, query: str = "", *, limit: int = 50, cursor: str | None = None) -> Searched:
        """Finds sagas, see `Sagas.search`. Needs the role viewer."""
        behind = {} if cursor is None else {"cursor": cursor}
        return searched_of(await self._api.get("v1/sagas", {"q": query, "limit": str(limit), **behind}))

    async def why(self, saga: UUID) -> Explanation:
        """Explains what a saga waits for, see `Sagas.why`. Needs the role viewer."""
        return explanation_of(await self._api.get(f"v1/sagas/{saga}/why"))

    async def plan(
        self, saga: UUID, action: ActionName, *, step: str | None = None, evidence: Evidence | None = None
    ) -> Mapping[str, Json]:
        """Plans an action, see `Sagas.plan`. Needs the role that the action needs."""
        wanted = ActionRequest(action, step, evidence)
        body = msgspec.json.encode({"reason": "a plan", "step": step, "evidence": evidence})
        found: Mapping[str, Json] = (await self._api.post(f"{_path(saga, wanted)}?dry_run=true", body))["plan"]
        return found

    async def act(  # noqa: PLR0913 (what an action has)
        self,
        saga: UUID,
        action: ActionName,
        *,
        reason: str,
        step: str | None = None,
        evidence: Evidence | None = None,
        expected_plan: str | None = None,
        request: str | None = None,
    ) -> None:
        """Carries out an action, see `Sagas.act`. Needs the role that the action needs."""
        wanted = ActionRequest(action, step, evidence)
        body = msgspec.json.encode({"reason": reason, "step": step, "evidence": evidence})
        approved = ANY_PLAN if expected_plan in (None, ANY_PLAN) else f'"{expected_plan}"'
        headers = {"Idempotency-Key": str(uuid4()) if request is None else request, "If-Match": approved}
        try:
            await self._api.post(_path(saga, wanted), body, headers)
        except PlanChanged:
            raise
        except Conflict as error:
            raise ActionRefused(str(error)) from None

    async def _result(self, saga: UUID) -> Any:
        seconds = TURN_SECONDS if self._waits.locked() else WAIT_SECONDS
        async with self._waits:
            return await self._api.get(f"v1/sagas/{saga}/result", {"wait": f"{seconds * 1000:.0f}ms"}, wait=seconds)


def _path(saga: UUID, wanted: ActionRequest) -> str:
    return f"v1/sagas/{saga}/{wanted.action.replace(' ', '')}"


def _input_faults(definition: Definition) -> tuple[Finding, ...]:
    """The faults of the input's type, which only this program knows: the API gets its schema."""
    return tuple(one for one in definition.findings({}) if one.code is Code.INPUT_UNREADABLE)


@asynccontextmanager
async def connected(url: str, token: str | None) -> AsyncIterator[ApiSagas]:
    """A connection to the API at this URL, until the block ends.

    Raises:
        UsageError: it is not the address of an API of Saga, or its certificate is not trusted.
        AccessRefused: the token is missing or not valid.
        Unavailable: there is no answer.
    """
    client = http_client(url, token)
    async with client:
        api = Api(client, str(client.base_url).rstrip("/"))
        try:
            me = await api.get("v1/me", within=CONNECT_SECONDS)
        except NotFound:
            raise UsageError(
                f"{api.place} has no API of Saga: check the path of the address, which ends before /v1"
            ) from None
        get_logger("saga").info("connected", api=api.place, name=me["name"], role=me["role"], version=me["version"])
        yield ApiSagas(api)
