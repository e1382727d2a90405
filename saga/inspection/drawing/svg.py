"""Writes SVG elements. Attributes and texts are escaped here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from saga.core.text import visible

NORMAL: Final = 6.6
"""Pixels of a character of the drawings' text, on average: text is cut by it, because a server does not know the reader's fonts."""
SMALL: Final = 6.2
BOLD: Final = 7.4


def element(name: str, attributes: Mapping[str, object], *content: str) -> str:
    """An element with this content, which is SVG already. An attribute that is None is left out."""
    written = "".join(f' {key}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{''.join(content)}</{name}>" if content else f"<{name}{written}/>"


def text(x: float, y: float, content: str, kind: str | None = None, *, anchor: str | None = None) -> str:
    return element("text", {"class": kind, "x": x, "y": y, "text-anchor": anchor}, plain(content))


def plain(content: str) -> str:
    """Text as the content of an element."""
    return escape(visible(content), quote=False)


def title(content: str) -> str:
    """The text that a browser shows over an element."""
    return element("title", {}, plain(content))


def fitting(content: str, width: float, character: float = NORMAL) -> str:
    """The beginning of a text that fits into this width."""
    characters = max(int(width / character), 1)
    return content if len(content) <= characters else f"{content[: characters - 1]}…"


def path(points: Iterable[str], kind: str, arrow: str | None = None) -> str:
    return element("path", {"class": kind, "d": "".join(points), "marker-end": arrow})


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return escape(visible(str(value)), quote=True)
