"""`saga token`: who may use the API, and as what."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter
from rich.console import RenderableType
from rich.text import Text

from saga.cli.exit_codes import DONE
from saga.cli.log_setup import log_for_people
from saga.cli.operators.options import DEFAULTS
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import Page, print_json, print_page, table
from saga.cli.store import opened_store
from saga.core.duration import duration_ms
from saga.inspection.summaries.installation import token_document
from saga.inspection.wording import clock_of
from saga.loops import run
from saga.ports.access.tokens import Asker, TokenLine, new_token
from saga.settings import Settings

RoleName = Literal["viewer", "starter", "operator", "admin"]

token: Final = App(name="token", help="Manage the tokens of the API.")


@token.command
def create(
    name: Annotated[str, Parameter(help="The person or program that will use it; the audit has this name.")],
    /,
    *,
    role: RoleName,
    expires: str | None = None,
    json: Json = False,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Create a token and print it. It is not shown again. From the first token on, the API answers only requests with a valid token.

    Parameters
    ----------
    role
        viewer reads; operator also acts; admin may do everything; starter only starts sagas, sends events,
        completes steps and waits for results.
    expires
        How long it is valid, such as "90d"; without it, until it is revoked.
    """
    settings = store.settings()
    log_for_people(settings)
    seconds = None if expires is None else duration_ms(expires) / 1000
    text, line = run(_create(settings, name, role, seconds))
    print_json({"token": text, "id": line.id}) if json else print(text)
    return DONE


@token.command
def ls(*, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> None:
    """List the tokens, without their secrets."""
    settings = store.settings()
    log_for_people(settings)
    found = run(_list(settings))
    print_page(Page(list_page(found, time.time()), [token_document(one) for one in found]), as_json=json)


@token.command
def revoke(token_id: str, /, *, store: StoreOptions = FROM_SETTINGS) -> int:
    """Revoke a token: within seconds no process accepts it.

    Parameters
    ----------
    token_id
        Its id, which `saga token ls` shows.
    """
    settings = store.settings()
    log_for_people(settings)
    run(_revoke(settings, token_id))
    print(f"revoked {token_id}")
    return DONE


def list_page(found: Sequence[TokenLine], now: float) -> list[RenderableType]:
    """The tokens as a table."""
    if not found:
        return [Text("no tokens: the API answers only this machine, and lets it do everything", style="dim")]
    clock = clock_of(now)
    rows = table("id", "name", "role", "created", "by", "used", "state")
    for one in found:
        used = "never" if one.used_at is None else clock(one.used_at)
        rows.add_row(
            one.id, Text(one.name), one.role, clock(one.created_at), Text(one.created_by), used, _state(one, now)
        )
    return [rows]


def _state(one: TokenLine, now: float) -> str:
    if one.revoked_at is not None:
        return "revoked"
    if one.expires_at is None:
        return "valid"
    return "expired" if one.expires_at <= now else f"valid until {clock_of(now)(one.expires_at)}"


async def _create(settings: Settings, name: str, role: RoleName, seconds: float | None) -> tuple[str, TokenLine]:
    async with opened_store(settings) as adapter:
        expires_at = None if seconds is None else time.time() + seconds
        text, line = new_token(name, role, DEFAULTS.actor_name, expires_at)
        await adapter.tokens.add(line)
    return text, line


async def _list(settings: Settings) -> list[TokenLine]:
    async with opened_store(settings) as adapter:
        return await adapter.tokens.list()


async def _revoke(settings: Settings, token_id: str) -> None:
    async with opened_store(settings) as adapter:
        await adapter.tokens.revoke(token_id, Asker(DEFAULTS.actor_name))
