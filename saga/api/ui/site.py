"""All pages of the web interface."""

from __future__ import annotations

from fastapi import APIRouter

from saga.api.ui.page_router import Pages
from saga.api.ui.pages import acting, audit, definitions, description, one_saga, sagas, services, stuck, waits


def site() -> APIRouter:
    """The pages as a router of the application."""
    pages = Pages()
    for page in (sagas, one_saga, stuck, definitions, services, waits, audit, acting, description):
        page.add_to(pages)
    return pages.router
