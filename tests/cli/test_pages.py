"""The output for terminals of 80 and of 120 columns. The sagas are constructed, so that every column has a value."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from msgspec import structs
from rich.console import Console, RenderableType
from rich.text import Text

from saga.cli import output
from saga.cli.output import Page, print_page
from saga.cli.sagas import definitions, ls, show
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.inspection.documents import saga_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence
from saga.ports.listing import DefinitionLine, SagaLine
from saga.ports.saga_detail import CommandDetail, HistoryLine, SagaDetail, StepRecord
from tests.cli.test_why import assert_golden
from tests.core.graphs import chain

SAGA = UUID("01a1fdfc-91ff-7b16-a175-42ca88f07a7c")
NOW = 1_800_000_000.0
STUCK = SagaDetail(
    saga=SAGA,
    graph=chain("JXT"),
    state=State(Phase.COMPENSATING, "kRV", False, False, NOW + 86_400, "b: card declined"),  # noqa: FBT003
    now=NOW,
    started_at=NOW - 90,
    ended_at=None,
    wake_at=NOW + 20,
    key="order-1017",
    tags='{"region": "north"}',
    input=b'{"sku":"A-1","quantity":2}',
    commands={
        0: CommandDetail(
            Operation.COMPENSATE, None, None, None, None, NOW - 60, 7, 7, "ConnectionError: no answer within 30 s"
        )
    },
    records={0: StepRecord(NOW - 88, "shop-1:4711", 1, b'{"reserved": 2, "bin": "C-14"}')},
    history=(
        HistoryLine(NOW - 90, "started", None, None, "DPP", "desk:815"),
        HistoryLine(NOW - 88, "succeeded", 0, None, "SDP", "shop-1:4711"),
        HistoryLine(NOW - 87.5, "rejected", 1, "card declined", "SRV", "pay-2:99"),
        HistoryLine(NOW - 87.5, "rolling back", None, "b: card declined", "KRV", "pay-2:99"),
        HistoryLine(NOW - 60, "failed", 0, "ConnectionError: no answer within 30 s", "KRV", "shop-1:4711"),
        HistoryLine(
            NOW - 1, "quarantined", 0, "given up after 7 failures: ConnectionError: no answer within 30 s", "kRV", "x"
        ),
    ),
    serving={"service": ("shop-1:4711",)},
    leader="watch:1",
)
LINE = SagaLine(
    saga=SAGA,
    definition_name="order",
    definition_version=1,
    phase=Phase.COMPENSATING,
    is_rollback_requested=False,
    is_paused=False,
    is_stuck=True,
    steps=("a",),
    since=NOW - 1,
    deadline=NOW + 86_400,
    reason="b: card declined",
    key="order-1017",
    started_at=NOW - 90,
    ended_at=None,
)


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sets the time zone, because times are shown in local time."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def rendered(parts: list[RenderableType], columns: int) -> str:
    console = Console(file=io.StringIO(), width=columns, color_system=None, highlight=False)
    for part in parts:
        console.print(part, markup=False)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


@pytest.mark.parametrize("columns", [80, 120])
def test_a_stuck_saga_is_shown_with_its_steps_and_its_history(columns: int) -> None:
    text = rendered(show.saga_page(STUCK), columns)

    assert max(map(len, text.splitlines())) <= columns
    assert_golden(f"show_{columns}", text)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_list_has_complete_ids_and_the_newest_facts(columns: int) -> None:
    ended = replace(LINE, phase=Phase.COMPLETED, is_stuck=False, steps=(), ended_at=NOW, reason=None)

    text = rendered(ls.list_page([LINE, ended], NOW), columns)

    assert text.count(str(SAGA)) == 2
    assert_golden(f"ls_{columns}", text)


def test_an_empty_list_says_so() -> None:
    assert rendered(ls.list_page([], NOW), 80) == "no sagas\n"


def test_definitions_are_listed_with_the_version_that_a_start_uses() -> None:
    old = DefinitionLine(1, "order", 1, b"1", 3, ("inventory", "payments"), is_default=False, live=2)
    new = replace(old, number=2, version=2, is_default=True, live=0)

    assert_golden("definitions", rendered(definitions.list_page([new, old]), 80))


def test_a_definition_is_drawn_as_a_tree_and_as_a_chart() -> None:
    graph = chain("JXT")

    assert_golden("definition", rendered(definitions.tree_page(graph), 80) + flow_chart(graph) + "\n")


def test_the_document_of_a_saga_has_the_payloads_as_json() -> None:
    document = saga_document(STUCK)

    assert document["input"] == {"sku": "A-1", "quantity": 2}
    assert document["steps"][0]["result"] == {"reserved": 2, "bin": "C-14"}
    assert document["steps"][0]["state"] == "quarantined (compensating)"
    assert document["tags"] == {"region": "north"}


def test_an_error_of_several_lines_leaves_the_answer_on_one() -> None:
    command = replace(
        STUCK.commands[0], due_at=NOW + 60, error="HTTPError: no answer\nFor more information see the docs"
    )
    waiting = replace(STUCK, state=structs.replace(STUCK.state, vector="KRV"), commands={0: command}, history=())

    text = sentence(waiting, why(waiting), clock_of(NOW))

    assert "no answer\\nFor more information" in text
    assert len(text.splitlines()) == 1


def test_of_an_encrypted_payload_only_the_size_is_shown() -> None:
    assert saga_document(replace(STUCK, input=b"\xff\xfe"))["input"] == "2 bytes"


def test_texts_from_a_saga_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "first\x1b[31mred\x1b]0;title\x07 \x9b2J \u202etxt"
    rows = output.table("reason")
    rows.add_row(Text(hostile))

    print_page(Page([hostile, Text(hostile), rows], {}), as_json=False)
    output.say(hostile)

    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
    assert shown.count("\\x1b[31mred") == 4


def test_json_has_every_character_and_none_that_acts_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b[31m \x9b2J \u202e half \ud800 \x7f"

    print_page(Page([], {hostile: hostile}), as_json=True)

    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\x9b\u202e\x7f")
    assert json.loads(shown) == {hostile: hostile}


def test_a_saga_with_control_characters_is_explained_without_them() -> None:
    waiting = replace(STUCK, key="order \x1b]0;x\x07", history=())

    text = sentence(waiting, why(waiting), clock_of(NOW))

    assert "order \\x1b]0;x\\x07" in text
    assert "\x1b" not in text
