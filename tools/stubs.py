"""The stubs of the gRPC API beside its protos in saga/v1: `make stubs`.

Made with grpcio-tools 1.71.2 they load on protobuf 5.29 and all later versions; newer tools make stubs that older libraries refuse. The
tools need an older protobuf than Saga's own environment has, so they live in one of their own, which uv makes and throws away.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

TOOLS: Final = ("grpcio-tools==1.71.2", "setuptools==80.9.0")
TOOLS_PYTHON: Final = "3.11"
ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = "saga/v1"
_EXPERIMENTAL: Final = " # This class is part of an EXPERIMENTAL API.\n"
_METHOD: Final = re.compile(
    r"self\.(\w+) = channel\.unary_(unary|stream)\(\s+'[^']+',"
    r"\s+request_serializer=\w+\.(\w+)\.\w+,\s+response_deserializer=\w+\.(\w+)\.\w+"
)


class ToolMissing(LookupError):
    """A program, or the network, is missing; the message says which."""


def generate(target: Path) -> None:
    """Writes the stubs below a source root. Raises ToolMissing if uv or the network is missing."""
    protoc(ROOT, target, sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).glob("*.proto")))
    for types in (target / PACKAGE).glob("*_pb2.pyi"):
        types.write_text(_complete(types.read_text()))
    for client in (target / PACKAGE).glob("*_pb2_grpc.py"):
        if "class " not in client.read_text():
            client.unlink()
            continue
        client.write_text(for_clients(client.read_text()))
        client.with_suffix(".pyi").write_text("\n".join(_types_of(client)))


def protoc(protos: Path, target: Path, files: Sequence[str]) -> None:
    """Compiles protos, named from their root, with the pinned tools. Raises ToolMissing."""
    out = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    with_tools = [word for tool in TOOLS for word in ("--with", tool)]
    python = ["--no-project", "--python", TOOLS_PYTHON, "python", "-W", "ignore"]
    run("uv", "run", "--quiet", *with_tools, *python, "-m", "grpc_tools.protoc", f"-I{protos}", *out, *files)


def run(*argv: str) -> str:
    """Runs a program in an empty folder and returns its output. Raises ToolMissing."""
    if shutil.which(argv[0]) is None:
        raise ToolMissing(f"stubs: {argv[0]} is not on PATH")
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(argv, cwd=folder, check=False, capture_output=True, text=True)
    if made.returncode:
        raise ToolMissing(f"stubs: {' '.join(argv[:3])} failed: {(made.stderr or made.stdout)[-1_000:]}")
    return made.stdout


def for_clients(text: str) -> str:
    """The module without what only a server needs."""
    lines, cut = text.splitlines(keepends=True), set[int]()
    for node in ast.parse(text).body:
        is_of_servers = isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.ClassDef) and "Stub" not in node.name
        )
        if is_of_servers and node.end_lineno is not None:
            cut |= {*range(node.lineno - 1, node.end_lineno)}
    left = "".join(line for number, line in enumerate(lines) if number not in cut)
    return re.sub(r"\n{3,}", "\n\n\n", left.replace(_EXPERIMENTAL, "")).rstrip() + "\n"


def _complete(types: str) -> str:
    """The types without the gaps that the tool leaves."""
    types = re.sub(r"^(\w+): _ClassVar\[int\]$", r"\1: int", types, flags=re.MULTILINE)
    return types.replace("_Mapping]", "_Mapping[str, object]]")


def _types_of(client: Path) -> Iterator[str]:
    """The types of a module of clients, which the tool does not write: as they are on a channel of grpc.aio."""
    messages, text = client.stem.removesuffix("_grpc"), client.read_text()
    yield "from grpc import aio as _aio"
    yield f"from {PACKAGE.replace('/', '.')} import {messages} as _messages"
    for found in re.finditer(r"^class (\w+)\(.*?(?=^class |\Z)", text, re.MULTILINE | re.DOTALL):
        yield from ("", f"class {found[1]}:", "    def __init__(self, channel: _aio.Channel) -> None: ...")
        for name, kind, request, response in _METHOD.findall(found[0]):
            call = f"_aio.Unary{kind.capitalize()}MultiCallable[_messages.{request}, _messages.{response}]"
            yield f"    {name}: {call}"
    yield ""


if __name__ == "__main__":
    generate(ROOT)
    sys.stdout.write(f"{PACKAGE}: {', '.join(sorted(path.name for path in (ROOT / PACKAGE).glob('*_pb2*')))}\n")
