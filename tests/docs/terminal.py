"""A terminal in a folder of its own: runs the commands that a page tells its reader to type."""

from __future__ import annotations

import doctest
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.docs.page import Block, Page

COMMAND_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 20.0
SHELL = ("/bin/sh", "-c")
NOT_RUN = {"install", "fragment", "heavy"}
READY = {"dev": "In another terminal", "participant": '"serving"'}
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(slots=True)
class Terminal:
    """Runs commands with `saga` on the path, and without the settings of this machine."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="saga-docs-")))
    ran: list[str] = field(default_factory=list)
    _servers: dict[str, tuple[subprocess.Popen[str], IO[str]]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.folder.chmod(0o755)  # if root runs the tests, the server runs under another account
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._servers):
            self._stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_page(self, page: Page) -> None:
        """Writes the files of the page and runs its commands, in order."""
        for block in page.blocks():
            if block.file_name and block.language in {"python", "sql"}:
                (self.folder / block.file_name).write_text(block.body, encoding="utf-8")
            elif block.language == "console" and not block.marks & NOT_RUN:
                self._run_block(block)
            elif block.language == "python" and "store" in block.marks:
                self._expect(
                    block, "a program", self._output([sys.executable, "-c", block.body], self._with_store()), ""
                )

    def _run_block(self, block: Block) -> None:
        for command, expected in sessions(block.body):
            self.ran.append(command)
            server = _server_of(command)
            if server is None:
                self._expect(block, command, self._output([*SHELL, command], self._environment()), expected)
                continue
            self._stop(server)
            self._start(server, command)

    def _expect(self, block: Block, command: str, got: str, expected: str) -> None:
        if expected and not doctest.OutputChecker().check_output(expected, got, _FLAGS):
            raise AssertionError(f"{block.page}:{block.line}: {command}\nprints\n{got}\ninstead of\n{expected}")

    def _output(self, command: list[str], environment: dict[str, str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=environment, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMMAND_TIMEOUT_SECONDS,
        )  # fmt: skip
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def _start(self, name: str, command: str) -> None:
        """Starts a process that keeps running, and waits until it prints that it is ready."""
        process = subprocess.Popen(
            [*SHELL, f"exec {command}"], cwd=self.folder, env=self._environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        self._servers[name] = process, process.stdout
        printed = []
        for line in process.stdout:
            printed.append(line)
            if READY[name] in line:
                return
        raise AssertionError(f"{command} ended:\n{''.join(printed)}")

    def _stop(self, name: str) -> None:
        if name not in self._servers:
            return
        process, output = self._servers.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            output.close()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAGA_", "PG", "COVERAGE"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {"PATH": path, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120", "PYTHONPATH": str(self.folder)}

    def _with_store(self) -> dict[str, str]:
        document = json.loads((self.folder / ".saga" / "dev.json").read_text(encoding="utf-8"))
        return self._environment() | {"SAGA_STORE": document["store"]}


def sessions(body: str) -> list[tuple[str, str]]:
    """Returns the commands of a block, each with its output."""
    found: list[tuple[str, str]] = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line.removeprefix("$ ").strip(), ""))
        elif found:
            command, output = found[-1]
            found[-1] = command, output + line
    return found


def _server_of(command: str) -> str | None:
    words = command.split()
    return words[1] if words[0] == "saga" and words[1] in READY else None
