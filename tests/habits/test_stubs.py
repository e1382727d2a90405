"""The stubs of the gRPC API are what its protos say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.stubs import PACKAGE, ROOT, ToolMissing, generate


def test_the_stubs_of_the_api_match_its_protos(tmp_path: Path) -> None:
    try:
        generate(tmp_path)
    except ToolMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(f"the stubs cannot be made here: {error}")
    made = {path.name: path.read_text() for path in (tmp_path / PACKAGE).iterdir()}

    assert made == {path.name: path.read_text() for path in (ROOT / PACKAGE).glob("*_pb2*") if path.is_file()}, (
        "run make stubs"
    )
