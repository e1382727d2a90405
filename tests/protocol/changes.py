"""Changed copies of the tuples and texts that a state consists of."""

from __future__ import annotations

from typing import TypeVar

Item = TypeVar("Item")


def with_letter(letters: str, position: int, letter: str) -> str:
    return letters[:position] + letter + letters[position + 1 :]


def with_item(items: tuple[Item, ...], position: int, item: Item) -> tuple[Item, ...]:
    return (*items[:position], item, *items[position + 1 :])


def with_count(counts: tuple[int, ...], position: int, change: int) -> tuple[int, ...]:
    return (*counts[:position], counts[position] + change, *counts[position + 1 :])


def without_item(items: tuple[Item, ...], item: Item) -> tuple[Item, ...]:
    """Leaves out the first of the items that equal this one."""
    at = items.index(item)
    return items[:at] + items[at + 1 :]
