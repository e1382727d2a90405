"""The program that prepares and checks a release, on a small project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.release import IMAGE_TAGS, MIGRATIONS, RECORDS, ROOT, main, notes_of, version_of

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2027-01-01\n\n- The first.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[project]\nversion = "0.1.0"\n',
        "CHANGELOG.md": CHANGELOG,
        IMAGE_TAGS: "images:\n  - name: saga\n    newTag: 0.1.0\n",
        f"{MIGRATIONS}/0001_tables.sql": "create table a ();\n",
        f"{RECORDS}/unreleased/commands.jsonl": "{}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def prepared(project: Path, version: str = "0.2.0") -> int:
    return main(["--prepare", version, "--date", "2027-02-01"], project)


def test_a_prepared_release_has_its_version_everywhere_and_passes_the_check(project: Path) -> None:
    assert prepared(project) == 0

    assert version_of(project) == "0.2.0"
    assert "newTag: 0.2.0" in (project / IMAGE_TAGS).read_text()
    assert main(["--tag", "v0.2.0"], project) == 0


def test_the_changelog_is_closed_and_a_new_part_is_open(project: Path) -> None:
    prepared(project)

    assert "## [Unreleased]\n\n## [0.2.0] - 2027-02-01\n\n### Added" in (project / "CHANGELOG.md").read_text()
    assert notes_of(project, "0.2.0") == "### Added\n\n- A thing.\n"
    assert notes_of(project, "0.1.0") == "- The first.\n"


def test_what_the_build_writes_is_frozen_with_the_checksums_of_the_migrations(project: Path) -> None:
    prepared(project)

    assert (project / RECORDS / "0.2.0" / "commands.jsonl").read_text() == "{}\n"
    assert (project / RECORDS / "0.2.0" / "migrations.txt").read_text().startswith("0001_tables.sql ")


def test_a_version_is_released_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared(project)

    assert prepared(project) == 1
    assert "0.2.0 has been released" in capsys.readouterr().out


def test_a_release_without_changes_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared(project)

    assert prepared(project, "0.3.0") == 1
    assert "nothing under `## [Unreleased]`" in capsys.readouterr().out


@pytest.mark.parametrize(("tag", "complaint"), [("v0.3.0", "pyproject.toml says 0.1.0"), ("v0.1.0", "is missing")])
def test_a_tag_that_does_not_belong_to_the_tree_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], tag: str, complaint: str
) -> None:
    assert main(["--tag", tag], project) == 1
    assert complaint in capsys.readouterr().out


def test_the_notes_are_printed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared(project)

    assert main(["--tag", "v0.2.0", "--notes"], project) == 0
    assert capsys.readouterr().out == "### Added\n\n- A thing.\n"


def test_the_files_that_a_release_changes_are_there() -> None:
    """The paths that the small project above imitates."""
    assert (ROOT / IMAGE_TAGS).read_text().count("newTag: " + version_of(ROOT)) == 2
    assert list((ROOT / MIGRATIONS).glob("0001_*.sql"))
    assert (ROOT / RECORDS / "unreleased").is_dir()
