"""All pages of the web interface."""

from __future__ import annotations

from fastapi import APIRouter

from saga.api.ui import (
    acting,
    audit_page,
    definitions_page,
    saga_page,
    sagas_page,
    services_page,
    stuck_page,
    waits_page,
)
from saga.api.ui.pages import Pages


def site() -> APIRouter:
    """The pages as a router of the application."""
    pages = Pages()
    for page in (sagas_page, saga_page, stuck_page, definitions_page, services_page, waits_page, audit_page, acting):
        page.add_to(pages)
    return pages.router
