"""The page for troubleshooting lists every symptom under the words that the product prints."""

from __future__ import annotations

import re

from saga.inspection.explanation import Situation
from tests.docs.page import ROOT, page

TEXT = page("docs/how-to/troubleshoot.md").text
CODE = "\n".join(
    path.read_text(encoding="utf-8") for name in ("saga", "adapters") for path in (ROOT / name).rglob("*.py")
)


def first_cells(heading: str) -> set[str]:
    """The quoted words in the first column of the table under a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_situation_of_a_saga_is_on_the_page() -> None:
    assert first_cells("A saga does not move") == {situation.value for situation in Situation}


def test_every_check_of_the_doctor_is_on_the_page() -> None:
    checks = set(re.findall(r'\b(?:passed|failed|Check)\(\s*"([a-z ]+)"', CODE))

    assert first_cells("`saga doctor` shows a red line") == checks


def test_every_log_line_of_the_page_is_one_that_the_code_writes() -> None:
    lines = first_cells("The log shows a warning")

    assert len(lines) > 10
    assert {line for line in lines if f'"{line}"' not in CODE} == set()
