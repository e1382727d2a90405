"""The stubs in adapters/saga_etcd/stubs, made from the protos in etcd's Go modules: `make stubs`.

Made with grpcio-tools 1.71.2 they load on protobuf 5.29 to 7.36 and talk to etcd 3.4 to 3.7; newer tools make stubs that older libraries
refuse. The tools live in an environment of their own, which uv makes and throws away.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.services.places import Missing

ETCD_VERSION: Final = "v3.7.3"
TOOLS: Final = ("grpcio-tools==1.71.2", "setuptools==80.9.0")
TOOLS_PYTHON: Final = "3.11"
PACKAGE: Final = "saga_etcd/stubs"
STUBS: Final = Path(__file__).parents[2] / "adapters" / PACKAGE
PROTOS: Final = {
    "go.etcd.io/etcd/api/v3": ("mvccpb/kv.proto", "authpb/auth.proto", "etcdserverpb/rpc.proto"),
    "go.etcd.io/etcd/server/v3": ("etcdserver/api/v3election/v3electionpb/v3election.proto",),
}
# 3.7 has dropped gogoproto; what is left are options for the JSON gateway, its OpenAPI page and the version of each field.
EXPERIMENTAL: Final = " # This class is part of an EXPERIMENTAL API.\n"
FOREIGN_OPTION: Final = re.compile(
    r"option \((?:google\.api\.http|grpc\.gateway[\w.]*|versionpb\.\w+|gogoproto\.\w+)\)\s*=\s*"
)


def generate(target: Path) -> None:
    """Writes the stubs below a source root. Raises Missing if uv, go, or the network is missing."""
    with tempfile.TemporaryDirectory() as name:
        protos = Path(name) / PACKAGE
        protos.mkdir(parents=True)
        for module, paths in PROTOS.items():
            root = _source(module)
            for path in paths:
                (protos / Path(path).name).write_text(_stripped((root / path).read_text()))
        files = [f"{PACKAGE}/{path.name}" for path in sorted(protos.glob("*.proto"))]
        out = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
        with_tools = [word for tool in TOOLS for word in ("--with", tool)]
        python = ["--no-project", "--python", TOOLS_PYTHON, "python", "-W", "ignore"]
        _run("uv", "run", "--quiet", *with_tools, *python, "-m", "grpc_tools.protoc", f"-I{name}", *out, *files)
    for client in (target / PACKAGE).glob("*_pb2_grpc.py"):
        client.write_text(_for_clients(client.read_text()))


def _source(module: str) -> Path:
    """A module downloaded by the go command, which checks it against the checksum database."""
    return Path(json.loads(_run("go", "mod", "download", "-json", f"{module}@{ETCD_VERSION}"))["Dir"])


def _run(*argv: str) -> str:
    if shutil.which(argv[0]) is None:
        raise Missing(f"etcd's stubs: {argv[0]} is not on PATH")
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(argv, cwd=folder, check=False, capture_output=True, text=True)
    if made.returncode:
        raise Missing(f"etcd's stubs: {' '.join(argv[:3])} failed: {(made.stderr or made.stdout)[-1_000:]}")
    return made.stdout


def _stripped(text: str) -> str:
    """A proto without what only etcd's own builds read, with imports adapted to the place of the stubs."""
    text = re.sub(r'import "(?!.*/(?:kv|auth|rpc)\.proto").*?;\n', "", text)
    text = re.sub(r'import "etcd/.*/(\w+\.proto)";', rf'import "{PACKAGE}/\1";', text)
    text = re.sub(r"\s*\[\s*\((?:versionpb|gogoproto)\.[^\]]*\]", "", text)
    while option := FOREIGN_OPTION.search(text):
        end = _end_of_option(text, option.end())
        text = text[: option.start()] + text[end:]
    return text


def _for_clients(text: str) -> str:
    """The module without what only a server needs."""
    lines, cut = text.splitlines(keepends=True), set[int]()
    for node in ast.parse(text).body:
        is_of_servers = isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.ClassDef) and "Stub" not in node.name
        )
        if is_of_servers and node.end_lineno is not None:
            cut |= {*range(node.lineno - 1, node.end_lineno)}
    left = "".join(line for number, line in enumerate(lines) if number not in cut)
    return re.sub(r"\n{3,}", "\n\n\n", left.replace(EXPERIMENTAL, "")).rstrip() + "\n"


def _end_of_option(text: str, end: int) -> int:
    if text[end] != "{":
        return text.index(";", end) + 1
    depth = 1
    while depth:
        end += 1
        depth += {"{": 1, "}": -1}.get(text[end], 0)
    end += 1
    return end + len(text[end:]) - len(text[end:].lstrip(" ;"))


if __name__ == "__main__":
    generate(STUBS.parents[1])
    sys.stdout.write(f"{STUBS}: {', '.join(sorted(path.name for path in STUBS.glob('*_pb2*')))}\n")
