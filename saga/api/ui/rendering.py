"""Makes pages of templates. Every value is escaped by the template engine; drawings are escaped where they are made."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saga.api.ui.assets import asset_version
from saga.api.ui.zone import clock_in, zone_of
from saga.core.definition.json_value import Json
from saga.core.text import visible, visible_lines
from saga.inspection.drawing.marks import mark_of
from saga.inspection.wording import span

MENU: Final = (
    ("sagas", "", "Sagas"),
    ("stuck", "stuck", "Needs a person"),
    ("definitions", "definitions", "Definitions"),
    ("services", "services", "Services"),
    ("waits", "waits", "Waits"),
    ("audit", "audit", "Audit"),
)
"""The main menu: the name of each section, its path below the root, and its words."""
REFERRER_POLICY: Final = "same-origin"
"""A browser that may name no referrer sends `Origin: null` with a form, like that of another site."""
GZIP_BYTES_MIN: Final = 1_000
_GZIP_LEVEL: Final = 5


class View(NamedTuple):
    """A page before it is text: its template, and what the template shows. `section`: the entry of the main menu."""

    template: str
    title: str
    section: str
    now: float
    values: Mapping[str, Json]
    status: int = 200


_TEMPLATES: Final = Environment(
    loader=PackageLoader("saga.api.ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _json_text(value: Json) -> str:
    return visible_lines(json.dumps(value, ensure_ascii=False, indent=2))


def _short_json(value: Json) -> str:
    return visible(json.dumps(value, ensure_ascii=False))


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


_TEMPLATES.filters |= {
    "mark": mark_of, "span": span, "json_text": _json_text, "short_json": _short_json, "iso": _iso, "visible": visible,
}  # fmt: skip


def drawing(svg: str) -> Markup:
    """A drawing for a template, which does not escape it again."""
    return Markup(svg)  # noqa: S704 (escaped element by element in saga.inspection.drawing.svg)


def root_of(request: Request) -> str:
    """The way from this page to the first one, relative, so that it holds below any prefix."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * max(path.count("/") - 1, 0) or "./"


def rendered(request: Request, view: View, shared: Mapping[str, Json]) -> Response:
    """The page as an answer."""
    zone = zone_of(request)
    text = _TEMPLATES.get_template(view.template).render(
        title=view.title,
        section=view.section,
        root=root_of(request),
        now=view.now,
        clock=clock_in(zone, view.now),
        zone=str(zone),
        theme=_theme(request),
        version=asset_version(),
        menu=MENU,
        **shared,
        **view.values,
    )
    return compressed(request, text.encode(), "text/html; charset=utf-8", view.status)


def compressed(request: Request, body: bytes, media_type: str, status: int = 200) -> Response:
    headers = {"Vary": "Accept-Encoding, Cookie", "Referrer-Policy": REFERRER_POLICY}
    if len(body) >= GZIP_BYTES_MIN and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, _GZIP_LEVEL)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type)


def _theme(request: Request) -> str:
    theme = request.cookies.get("saga_theme", "")
    return theme if theme in ("light", "dark") else ""
