"""Checks commit messages: `area: what changes` in at most 60 characters, and a body that says why.

As a commit-msg hook it gets the file of one message; with `--since REF` it checks every commit after REF.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SUBJECT_CHARS_MAX: Final = 60
BODY_CHARS_MAX: Final = 72
SUBJECT: Final = re.compile(r"[a-z][a-z0-9_./, -]*: \S.*[^.\s]")
SCISSORS: Final = "# ------------------------ >8 ------------------------"
EXEMPT: Final = re.compile(r"Merge |Revert |fixup! |squash! ")
BOT: Final = "[bot]"


def problems(message: str) -> list[str]:
    """What is wrong with a message; empty where nothing is."""
    subject, _, rest = message.partition("\n")
    if EXEMPT.match(subject):
        return []
    return [*_subject_problems(subject), *_body_problems(rest)]


def _subject_problems(subject: str) -> Iterator[str]:
    if len(subject) > SUBJECT_CHARS_MAX:
        yield f"the subject has {len(subject)} characters, more than {SUBJECT_CHARS_MAX}"
    if not SUBJECT.fullmatch(subject):
        yield "the subject is not `area: what changes`, with the area in lower case and no full stop at the end"


def _body_problems(rest: str) -> Iterator[str]:
    lines = rest.splitlines()
    if not rest.strip():
        yield "there is no body: say why, after an empty line"
    elif lines[0].strip():
        yield "the second line is not empty"
    if any(len(line) > BODY_CHARS_MAX and " " in line.strip() for line in lines):
        yield f"a line of the body has more than {BODY_CHARS_MAX} characters"


def without_comments(text: str) -> str:
    """A message as git will store it: without its comments and the diff below the scissors."""
    kept = (line for line in text.partition(SCISSORS)[0].splitlines() if not line.startswith("#"))
    return "\n".join(kept).strip() + "\n"


def messages_since(base: str) -> Iterator[tuple[str, str]]:
    """Short hash and message of every commit after `base`, those of bots and merges left out."""
    command = ["git", "log", "--no-merges", "--format=%h%x00%an%x00%B%x01", f"{base}..HEAD"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for entry in log.split("\x01"):
        if entry.strip():
            commit, author, message = entry.strip().split("\0")
            if BOT not in author:
                yield commit, message


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="commit_message", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="a file with one message, as git gives it to the hook")
    source.add_argument("--since", metavar="REF", help="check every commit after this one")
    chosen = parser.parse_args(arguments)
    checked = [("message", without_comments(chosen.file.read_text()))] if chosen.file else messages_since(chosen.since)
    found = [f"{name}: {problem}" for name, message in checked for problem in problems(message)]
    print("\n".join(found) or "commit messages: no complaint")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
