"""The Dockerfile: hadolint accepts it, and it installs the versions that are tested here."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
PIN = re.compile(r"^([a-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
LISTS = sorted((ROOT / "deploy").glob("*.txt"))


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hadolint")
    return subprocess.run([program, str(path)], capture_output=True, text=True, check=False, timeout=60)


def test_hadolint_finds_nothing() -> None:
    done = hadolint(DOCKERFILE)

    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN cd /tmp && pip install saga\n")

    assert hadolint(wrong).returncode != 0


def test_every_base_is_pinned_by_one_digest() -> None:
    text = DOCKERFILE.read_text()
    stages = set(re.findall(r" AS (\S+)$", text, re.MULTILINE))
    bases = {base for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if base not in stages}

    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", bases.pop())


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_an_image_has_the_tested_versions(path: Path) -> None:
    tested = set(PIN.findall((ROOT / "constraints.txt").read_text()))
    installed = PIN.findall(path.read_text())

    assert installed
    assert [pin for pin in installed if pin not in tested] == []


def test_an_image_has_every_dependency_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = {name for name, _ in PIN.findall((ROOT / "deploy" / "requirements.txt").read_text())}

    assert names(project["dependencies"]) - installed == set()


@pytest.mark.parametrize(
    "extra", ["sqlalchemy", "kafka", "kinesis", "nats", "etcd", "zookeeper", "metrics", "tracing", "api", "grpc"]
)
def test_an_image_has_every_dependency_of_an_extra(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = {name for name, _ in PIN.findall((ROOT / "deploy" / "requirements.txt").read_text())}

    assert names(project["optional-dependencies"][extra]) - installed - {project["name"]} == set()


def names(dependencies: Sequence[str]) -> set[str]:
    return {re.split(r"[^a-z0-9_-]", dependency)[0] for dependency in dependencies}


def test_copied_files_exist_and_are_in_the_build_context() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []
    assert [source for source in sorted(sources) if source not in sent and not source.endswith(".txt")] == []
    assert "deploy/*.txt" in sent


def test_the_program_runs_without_a_shell() -> None:
    text = DOCKERFILE.read_text()

    assert 'ENTRYPOINT ["saga"]' in text
    assert re.search(r"^USER \d+$", text, re.MULTILINE)
