"""Store suite: tokens, the sessions of browsers, and what the audit says of both."""

from __future__ import annotations

from typing import Final

import pytest

from saga.errors import AlreadyExists, NotFound
from saga.ports.access.tokens import SESSIONS_MAX, Asker, hash_of, new_token
from saga.ports.values.audit import AuditFilter
from saga.testing.suites.store.stage import StoreStage

HOUR_SECONDS: Final = 3600.0
BOB: Final = Asker("bob", "token 4711", "192.0.2.7")


class AccessTests(StoreStage):
    """Everything that says who may use the API."""

    async def test_tokens_are_kept_and_revoked(self) -> None:
        tokens = (await self.adapter()).tokens
        text, line = new_token("ann", "operator", "bob", None)
        before = await tokens.is_any_valid()

        await tokens.add(line)
        await tokens.used([line.id])
        found, is_valid = (await tokens.find([line.id])).get(line.id), await tokens.is_any_valid()
        await tokens.revoke(line.id, BOB)
        (revoked,) = await tokens.list()

        assert found is not None
        assert (found.name, found.role, found.created_by, found.hash) == ("ann", "operator", "bob", line.hash)
        assert (found.revoked_at, revoked.revoked_at is None) == (None, False)
        assert found.used_at is not None
        assert text.encode() not in line.hash
        assert (before, is_valid, await tokens.is_any_valid()) == (False, True, False)

    async def test_a_token_that_does_not_exist_or_exists_already(self) -> None:
        tokens = (await self.adapter()).tokens
        _, line = new_token("ann", "viewer", "bob", 1.0)
        await tokens.add(line)

        assert list(await tokens.find(["nothing", line.id])) == [line.id]
        assert await tokens.find([]) == {}
        assert not await tokens.is_any_valid()  # it has expired
        with pytest.raises(AlreadyExists):
            await tokens.add(line)
        with pytest.raises(NotFound):
            await tokens.revoke("nothing", BOB)

    async def test_a_change_of_the_tokens_is_in_the_audit_and_a_second_revocation_is_not(self) -> None:
        adapter = await self.adapter()
        _, line = new_token("ann", "operator", "eve", None)
        await adapter.tokens.add(line)
        for _ in range(2):
            await adapter.tokens.revoke(line.id, BOB)

        revoked, created = await adapter.ledger.audits(AuditFilter())

        found = {"token": line.id, "name": "ann", "role": "operator"}
        assert (created.saga, created.audit.action.actor, created.audit.action.action) == (None, "eve", "create token")
        assert (created.audit.detail, revoked.audit.detail) == ({"after": found}, {"before": found})
        action = revoked.audit.action
        assert (action.action, action.actor) == ("revoke token", "bob")
        assert (action.authenticated, action.address) == ("token 4711", "192.0.2.7")

    async def test_a_token_that_was_not_stored_is_not_in_the_audit(self) -> None:
        adapter = await self.adapter()
        _, line = new_token("ann", "operator", "eve", None)
        await adapter.tokens.add(line)
        with pytest.raises(AlreadyExists):
            await adapter.tokens.add(line, BOB)

        assert len(await adapter.ledger.audits(AuditFilter())) == 1

    async def test_a_session_lasts_until_it_is_ended(self) -> None:
        tokens, (_, line) = (await self.adapter()).tokens, new_token("ann", "viewer", "bob", None)
        await tokens.add(line)
        session, other = hash_of("session"), hash_of("other")

        for each in (session, other):
            await tokens.sign_in(each, line.id, HOUR_SECONDS)
        found = (await tokens.signed_in([session, other])).get(session)
        await tokens.sign_out(session)
        await tokens.sign_out(session)

        assert found is not None
        assert (found.token, list(await tokens.signed_in([session, other]))) == (line.id, [other])

    async def test_a_token_ends_its_sessions_and_an_ended_one_begins_none(self) -> None:
        tokens = (await self.adapter()).tokens
        lines = [new_token("ann", "viewer", "bob", expires_at)[1] for expires_at in (None, None, 1.0)]
        for line in lines:
            await tokens.add(line)
        for line in lines[:2]:
            await tokens.sign_in(hash_of(line.id), line.id, HOUR_SECONDS)

        await tokens.revoke(lines[0].id, BOB)

        hashes = [hash_of(line.id) for line in lines[:2]]
        assert list(await tokens.signed_in(hashes)) == hashes[1:]
        for line in (lines[0], lines[2]):
            with pytest.raises(NotFound):
                await tokens.sign_in(hash_of("new"), line.id, HOUR_SECONDS)
        with pytest.raises(NotFound):
            await tokens.sign_in(hash_of("new"), "nothing", HOUR_SECONDS)

    async def test_a_token_has_a_limited_number_of_sessions_and_expired_ones_go(self) -> None:
        tokens, (_, line) = (await self.adapter()).tokens, new_token("ann", "viewer", "bob", None)
        await tokens.add(line)
        await tokens.sign_in(hash_of("over"), line.id, -1.0)

        for number in range(SESSIONS_MAX + 1):
            await tokens.sign_in(hash_of(str(number)), line.id, HOUR_SECONDS + number)

        kept = await tokens.signed_in([hash_of(name) for name in ("over", "0", "1", str(SESSIONS_MAX))])
        assert kept.keys() == {hash_of("1"), hash_of(str(SESSIONS_MAX))}
