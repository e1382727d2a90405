"""The style sheet and the scripts of the pages. They come from this process, compressed once, and are kept by browsers."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import Request, Response

from saga.api.problems import NOT_FOUND, Problem

MEDIA_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
_KEPT: Final = "public, max-age=31536000, immutable"  # the address changes with the content


class Asset(NamedTuple):
    """A file of the pages, and the same compressed."""

    media_type: str
    plain: bytes
    compressed: bytes


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """All files of the pages, by name."""
    found = {}
    for file in files("saga.api.ui").joinpath("static").iterdir():
        media_type = MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media_type is not None:
            data = file.read_bytes()
            found[file.name] = Asset(f"{media_type}; charset=utf-8", data, gzip.compress(data, 9))
    return found


@lru_cache(maxsize=1)
def asset_version() -> str:
    """Changes when any of the files does."""
    digest = hashlib.sha256()
    for name, asset in sorted(assets().items()):
        digest.update(name.encode() + asset.plain)
    return digest.hexdigest()[:12]


def asset_answer(request: Request, name: str) -> Response:
    """Answers with a file of the pages. Raises Problem if there is none of this name."""
    asset = assets().get(name)
    if asset is None:
        raise Problem(NOT_FOUND, f"there is no file {name!r}")
    headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.plain, 200, headers, asset.media_type)
    return Response(asset.compressed, 200, headers | {"Content-Encoding": "gzip"}, asset.media_type)
