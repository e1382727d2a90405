"""`make bench-api`: every name of the query language is asked, and a figure is judged by its bound."""

from __future__ import annotations

import pytest

from bench.api.queries import QUERIES
from bench.api.row import Found, all_rows
from bench.api.rows import lists, pages
from saga.inspection.query.names import IS, NAMES
from saga.inspection.query.parser import parse


def test_every_name_of_the_query_language_is_asked() -> None:
    terms = [term for query in QUERIES for term in parse(query, 0.0).terms]

    assert {term.name for term in terms} == set(NAMES)
    assert set().union(*(term.texts() for term in terms if term.name == "is")) == set(IS)
    assert any(term.is_negated for term in terms)
    assert len(set(QUERIES)) == len(QUERIES)


@pytest.mark.parametrize(
    ("found", "judged"),
    [
        (Found("figure", [1.0, 2.0, 9.0], most=2.0), (True, "<= 2")),
        (Found("figure", [1.0, 3.0, 3.0], most=2.0), (False, "<= 2")),
        (Found("figure", [0.4, 0.5, 0.6], least=0.5), (True, ">= 0.5")),
        (Found("figure", [0.4], least=0.5), (False, ">= 0.5")),
        (Found("figure", [7.0]), (True, "-")),
    ],
)
def test_the_median_is_judged(found: Found, judged: tuple[bool, str]) -> None:
    assert (found.is_kept, found.bound) == judged
    assert found.as_json("row")["is_kept"] == judged[0]


def test_the_rows_are_those_of_the_folder() -> None:
    assert [row.name for row in all_rows()] == ["idle", "lists", "pages", "starts", "viewers"]


def test_a_sequential_scan_is_seen_in_a_plan_and_one_of_a_small_table_does_not_count() -> None:
    plan = "Limit\n  ->  Seq Scan on saga s\n  ->  Index Scan using saga_pkey on saga a\n  ->  Seq Scan on definition d"

    assert [found[0] for found in lists.SEQUENTIAL.finditer(plan)] == ["Seq Scan on saga s"]


def test_links_lead_below_their_page_and_sagas_are_one_kind_of_page() -> None:
    saga = "0191e1a0-0000-7000-8000-000000000001"

    assert pages.path_of("/definitions/order", "../sagas/a?tab=history&amp;from=b") == "/sagas/a?tab=history&from=b"
    assert pages.kind_of(f"/sagas/{saga}?tab=history&from=b") == "/sagas/ID?tab=history&from=*"
