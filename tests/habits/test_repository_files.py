"""Workflows, Dependabot, issue forms and CITATION.cff, held against their schemas, and what only this project asks of them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
GITHUB: Final = ROOT / ".github"
WORKFLOWS: Final = sorted((GITHUB / "workflows").glob("*.yml"))
SCHEMAS: Final = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.github-actions": sorted(GITHUB.glob("actions/*/action.yml")),
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.github-issue-forms": [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}
PIN: Final = re.compile(r"(\./.+|[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40}))")
WRITES: Final = {("release", "publish"): {"id-token": "write"}, ("release", "notes"): {"contents": "write"}}
"""The jobs that may write, and what."""


def document(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.stem, name, job) for path in WORKFLOWS for name, job in document(path)["jobs"].items()]


def steps() -> list[dict[str, Any]]:
    actions = [document(path)["runs"] for path in SCHEMAS["vendor.github-actions"]]
    return [step for holder in [*(job for _, _, job in jobs()), *actions] for step in holder["steps"]]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_file_fits_its_schema(schema: str) -> None:
    files = [str(path) for path in SCHEMAS[schema]]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert files
    assert done.returncode == 0, done.stdout


def test_a_workflow_may_read_and_only_named_jobs_may_write() -> None:
    assert [path.stem for path in WORKFLOWS if document(path)["permissions"] != {"contents": "read"}] == []
    rights = {(workflow, name): job["permissions"] for workflow, name, job in jobs() if job.get("permissions")}

    assert rights == WRITES


def test_every_job_ends_on_its_own() -> None:
    assert [name for _, name, job in jobs() if "timeout-minutes" not in job] == []


def test_every_action_is_pinned() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]

    assert used
    assert [action for action in used if not PIN.fullmatch(action)] == []


def test_what_comes_from_outside_reaches_a_script_through_its_environment_only() -> None:
    """An expression inside a script is text of somebody else that becomes code; what a matrix holds is ours."""
    expressions = [found for step in steps() for found in re.findall(r"\$\{\{([^}]*)\}\}", step.get("run", ""))]

    assert [found for found in expressions if not found.strip().startswith("matrix.")] == []


def test_every_make_target_and_every_test_of_a_workflow_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shards = [
        shard["tests"] for _, _, job in jobs() for shard in job.get("strategy", {}).get("matrix", {}).get("shard", ())
    ]
    runs = [step["run"] for step in steps() if "run" in step]
    called = {word for run in runs for word in re.findall(r"^(?:sudo )?make ([a-z-]+)", run, re.MULTILINE)}
    paths = [
        word for text in [*runs, *shards] for word in shlex.split(text.replace('"', " ")) if word.startswith("tests/")
    ]

    assert called <= targets
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_folder_of_tests_is_in_a_shard() -> None:
    """A new folder of tests would otherwise be run by `.ci/run` alone."""
    text = (GITHUB / "workflows" / "ci.yml").read_text() + (ROOT / "Makefile").read_text()
    folders = {
        path.parent.relative_to(ROOT).parts[1]
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.parent != ROOT / "tests"
    }

    assert {folder for folder in folders if f"tests/{folder}" not in text} == set()


def test_every_supported_python_is_in_the_matrix_and_in_the_classifiers() -> None:
    matrix = document(GITHUB / "workflows" / "ci.yml")["jobs"]["fast"]["strategy"]["matrix"]["python"]
    classified = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text())

    assert matrix == classified
