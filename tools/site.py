"""What the site has beside docs/: hooks of MkDocs, see mkdocs.yml.

Links are written for the repository. A page outside docs/ that the site shows as well is linked there; any other file of the
repository is linked where `repo_url` says that it is, or is plain text where nothing is said.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import saga

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = {
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}
"""Pages at the root of the repository -> their place on the site."""
API: Final = {
    "reference/api/index.md": ("The package saga", tuple(f"saga.{name}" for name in saga.__all__)),
    "reference/api/ports.md": ("Ports", ("saga.ports",)),
    "reference/api/testing.md": ("Testing", ("saga.testing",)),
}
"""Pages made of docstrings -> their title, and the names that they describe."""
OUTSIDE: Final = ("http:", "https:", "mailto:")
_SOURCES: Final = {place: name for name, place in PAGES.items()}
_FENCE: Final = re.compile(r"^(?P<open> *```\w*)[^\n`]*\n.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / name).read_text(encoding="utf-8")))
    for place, (title, names) in API.items():
        files.append(File.generated(config, place, content=_reference(title, names)))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    config.nav = [{"Home": "README.md"}, *_sections(index), {"Reference of the code": list(API)}]
    return config


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page, and take the words behind a fence's language away, which are for the tests."""
    source = _SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def linked(match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if target.startswith((*OUTSIDE, "#")):
            return match[0]
        path, hash_sign, anchor = target.partition("#")
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        place = PAGES.get(found, found.removeprefix("docs/") if found.startswith("docs/") else None)
        if place is not None and files.get_file_from_path(place) is not None:
            return f"[{text}]({posixpath.relpath(place, posixpath.dirname(page.file.src_uri))}{hash_sign}{anchor})"
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{found})" if config.repo_url else text

    parts, end = list[str](), 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(linked, markdown[end : fence.start()]), fence["open"], fence[0][fence[0].index("\n") :]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(linked, markdown[end:])])


def _sections(index: str) -> list[dict[str, list[object]]]:
    """The navigation: the sections of the index and the pages that they link, each where it is first linked."""
    known, found = set[str](), list[dict[str, list[object]]]()
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", index, re.MULTILINE | re.DOTALL):
        places = [_place(match["target"]) for match in _LINK.finditer(body)]
        new = [place for place in dict.fromkeys(places) if place is not None and place not in known]
        known.update(new)
        found.append({title: [_with_children(place) for place in new]})
    project = [place for place in PAGES.values() if place not in known]
    found[-1] = {title: [*entries, *project] for title, entries in found[-1].items()}
    return found


def _with_children(place: str) -> object:
    """A page, or the index of a folder with the pages of that folder below it."""
    folder = ROOT / "docs" / posixpath.dirname(place)
    if posixpath.basename(place) != "README.md":
        return place
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in folder.glob("*.md"))
    return {_title(ROOT / "docs" / place): [place, *(page for page in pages if page != place)]}


def _place(target: str) -> str | None:
    path = target.partition("#")[0]
    if target.startswith(OUTSIDE) or not path.endswith(".md"):
        return None
    return PAGES.get(posixpath.normpath(posixpath.join("docs", path)), path)


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _reference(title: str, names: tuple[str, ...]) -> str:
    options = "\n    options:\n      show_submodules: true\n"
    return f"# {title}\n\n" + "\n".join(f"::: {name}{options}" for name in names)
