"""Links have a target, and every page can be reached."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from tests.docs.page import ROOT, Page, page, pages

OUTSIDE = ("https://", "http://")
ALLOWED_HOSTS = ("https://keepachangelog.com/", "https://semver.org/")
UNLINKED = {"README.md"}
"""The page where every reader begins."""


@pytest.mark.parametrize("found", pages(), ids=lambda found: found.name)
def test_every_link_leads_to_an_existing_file_and_heading(found: Page) -> None:
    assert [link for link in found.links() if not link.startswith(OUTSIDE) and not _exists(found, link)] == []


def test_links_to_other_hosts_are_few_and_known() -> None:
    outside = {link for found in pages() for link in found.links() if link.startswith(OUTSIDE)}

    assert [link for link in outside if not link.startswith(ALLOWED_HOSTS)] == []


def test_every_page_is_linked_from_another_one() -> None:
    linked = {_target(found, link) for found in pages() for link in found.links() if not link.startswith(OUTSIDE)}

    assert {found.name for found in pages() if found.name.startswith("docs/")} - linked == set()


def _exists(found: Page, link: str) -> bool:
    target, _, anchor = link.partition("#")
    name = _target(found, target) if target else found.name
    if not (ROOT / name).exists():
        return False
    return not anchor or anchor in page(name).anchors()


def _target(found: Page, link: str) -> str:
    joined = PurePosixPath(found.name).parent / link.partition("#")[0]
    return PurePosixPath(os.path.normpath(joined)).as_posix()
