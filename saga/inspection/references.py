"""Finds the saga or the definition that an operator names."""

from __future__ import annotations

from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.nearest import did_you_mean
from saga.errors import NotFound, UsageError
from saga.ports.adapter import StoreAdapter
from saga.ports.listing import Listing


async def find_saga(adapter: StoreAdapter, reference: str) -> UUID:
    """Returns the id of the saga that an operator names by its id or by DEFINITION:KEY.

    Raises:
        NotFound: no saga was started with this key.
        UsageError: it is neither an id nor a key.
    """
    try:
        return UUID(reference)
    except ValueError:
        definition, colon, key = reference.partition(":")
    if not colon:
        raise UsageError(
            f"{reference!r} is not a saga: give its id, or DEFINITION:KEY with the key it was started with"
        )
    found = await adapter.ledger.find_key(definition, key)
    if found is None:
        unknown = await missing_definition(adapter.listing, definition)
        reason = f": {unknown}" if unknown else ""
        raise NotFound(f"no saga of {definition!r} was started with the key {key!r}{reason}")
    return found


async def find_definition(adapter: StoreAdapter, name: str, version: int | None) -> tuple[int, Graph]:
    """Returns the number and the graph of a version; None: of the version that a start by name uses.

    Raises:
        NotFound: there is no such definition or version.
    """
    try:
        return await adapter.directory.find(name, version)
    except NotFound as error:
        raise NotFound(await missing_definition(adapter.listing, name) or str(error)) from None


async def missing_definition(listing: Listing, name: str) -> str | None:
    """Says that there is no definition of this name, with the nearest name that exists; None if there is one."""
    names = {definition.name for definition in await listing.definitions()}
    if name in names:
        return None
    way_out = did_you_mean(name, names) or "`saga definitions` lists the definitions that exist."
    return f"there is no definition {name!r}. {way_out}"
