"""The check of commit messages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.commit_message import main, problems

GOOD = "runtime: a claim is renewed once\n\nTwo renewals of one claim cost a round trip each.\n"


@pytest.mark.parametrize(
    "message",
    [GOOD, "docs, tests: two areas\n\nWhy.\n", "Merge branch 'x'\n", "saga_postgres: x y\n\nA body\nof two lines.\n"],
)
def test_a_good_message_passes(message: str) -> None:
    assert problems(message) == []


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("runtime: " + "x" * 52 + "\n\nWhy.\n", "the subject has 61 characters, more than 60"),
        ("Runtime: a claim\n\nWhy.\n", "area in lower case"),
        ("a claim is renewed\n\nWhy.\n", "area: what changes"),
        ("runtime: a claim.\n\nWhy.\n", "no full stop"),
        ("runtime: a claim\n", "there is no body"),
        ("runtime: a claim\nwhy\n", "the second line is not empty"),
        ("runtime: a claim\n\n" + "word " * 20 + "\n", "more than 72 characters"),
    ],
)
def test_a_bad_message_is_named_by_its_fault(message: str, complaint: str) -> None:
    found = problems(message)

    assert len(found) == 1
    assert complaint in found[0]


def test_a_long_word_may_be_longer_than_a_line() -> None:
    assert problems("docs: a link\n\n" + "x" * 100 + "\n") == []


def test_the_hook_leaves_the_comments_of_git_out(tmp_path: Path) -> None:
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(
        f"{GOOD}# Please enter the commit message\n# ------------------------ >8 ------------------------\ndiff\n"
    )

    assert main([str(file)]) == 0


def test_every_commit_after_a_given_one_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607

    git("init", "--initial-branch=main")
    git("commit", "--allow-empty", "-m", "old and wrong")
    git("tag", "base")
    git("commit", "--allow-empty", "-m", GOOD)
    monkeypatch.chdir(tmp_path)
    assert main(["--since", "base"]) == 0

    git("commit", "--allow-empty", "-m", "New and wrong")
    assert main(["--since", "base"]) == 1
    assert "there is no body" in capsys.readouterr().out
