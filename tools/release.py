"""Prepares a release and checks that its tag, version and changelog agree. See docs/contributing/releasing.md.

python -m tools.release --prepare 0.2.0 --date 2027-01-31    sets the version, closes the changelog, freezes the record
python -m tools.release --tag v0.2.0                         fails unless the version and the changelog say the same
python -m tools.release --tag v0.2.0 --notes                 prints this release's part of the changelog
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
VERSION: Final = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
UNRELEASED: Final = "## [Unreleased]\n"
RECORDS: Final = "tests/compatibility/records"
MIGRATIONS: Final = "adapters/saga_postgres/sql/migrations"
IMAGE_TAGS: Final = "deploy/kubernetes/kustomization.yaml"


class NotReady(Exception):
    """The message says what has to be done before the release."""


def version_of(root: Path) -> str:
    """The version, from the one place where it is."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def notes_of(root: Path, version: str) -> str:
    """This release's part of the changelog.

    Raises:
        NotReady: it has none, or an empty one.
    """
    heading = re.escape(f"## [{version}] - ") + r"\d{4}-\d\d-\d\d\n"
    section = re.search(rf"^{heading}(.*?)(?=^## |\Z)", (root / "CHANGELOG.md").read_text(), re.MULTILINE | re.DOTALL)
    if section is None:
        raise NotReady(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`: run --prepare {version}")
    if not section[1].strip():
        raise NotReady(f"CHANGELOG.md says nothing about {version}")
    return section[1].strip() + "\n"


def checksums(root: Path) -> dict[str, str]:
    """SHA-256 of each migration of the store, by its name."""
    files = sorted((root / MIGRATIONS).glob("*.sql"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check(root: Path, tag: str) -> None:
    """Compare a tag with the version, the changelog and the frozen record.

    Raises:
        NotReady: they differ.
    """
    version = version_of(root)
    if tag != f"v{version}":
        raise NotReady(f"the tag is {tag}, and pyproject.toml says {version}")
    notes_of(root, version)
    if not (root / RECORDS / version).is_dir():
        raise NotReady(f"{RECORDS}/{version} is missing: run --prepare {version}")


def prepare(root: Path, version: str, date: str) -> None:
    """Set the version, close the changelog, and freeze what this build writes as the record of the release.

    Raises:
        NotReady: the version is malformed or exists already, or nothing is under *Unreleased*.
    """
    if not VERSION.fullmatch(version):
        raise NotReady(f"{version!r} is not a version: 1.2.3, or 1.2.3rc1")
    if (root / RECORDS / version).exists():
        raise NotReady(f"{RECORDS}/{version} exists: {version} has been released")
    changelog = (root / "CHANGELOG.md").read_text()
    closed = changelog.replace(UNRELEASED, f"{UNRELEASED}\n## [{version}] - {date}\n", 1)
    if closed == changelog or re.search(r"^## \[Unreleased\]\s+(## |\Z)", changelog, re.MULTILINE):
        raise NotReady("CHANGELOG.md has nothing under `## [Unreleased]`")
    (root / "CHANGELOG.md").write_text(closed)
    _replace(root / "pyproject.toml", rf'^version = "{re.escape(version_of(root))}"$', f'version = "{version}"')
    _replace(root / IMAGE_TAGS, r"newTag: \S+", f"newTag: {version}")
    _freeze(root, version)


def _freeze(root: Path, version: str) -> None:
    record = root / RECORDS / version
    shutil.copytree(root / RECORDS / "unreleased", record)
    lines = [f"{name} {checksum}\n" for name, checksum in checksums(root).items()]
    (record / "migrations.txt").write_text("".join(lines))


def _replace(path: Path, pattern: str, text: str) -> None:
    path.write_text(re.sub(pattern, text, path.read_text(), flags=re.MULTILINE))


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="release", description="Prepare a release, or check one.")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--prepare", metavar="VERSION", help="set the version, close the changelog, freeze the record")
    chosen.add_argument("--tag", help="check that the version and the changelog belong to this tag")
    parser.add_argument("--date", help="the day of the release, YYYY-MM-DD; needed by --prepare")
    parser.add_argument("--notes", action="store_true", help="print this release's part of the changelog")
    options = parser.parse_args(arguments)
    try:
        if options.prepare:
            if options.date is None:
                parser.error("--prepare needs --date")
            prepare(root, options.prepare, options.date)
        else:
            check(root, options.tag)
    except NotReady as error:
        print(f"not ready: {error}")
        return 1
    if options.notes:
        print(notes_of(root, version_of(root)), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
