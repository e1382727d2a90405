"""The stubs in adapters/saga_etcd/stubs, made from the protos in etcd's Go modules: `make stubs`.

They talk to etcd 3.4 to 3.7.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from tools.stubs import for_clients, protoc, run

ETCD_VERSION: Final = "v3.7.3"
PACKAGE: Final = "saga_etcd/stubs"
STUBS: Final = Path(__file__).parents[2] / "adapters" / PACKAGE
PROTOS: Final = {
    "go.etcd.io/etcd/api/v3": ("mvccpb/kv.proto", "authpb/auth.proto", "etcdserverpb/rpc.proto"),
    "go.etcd.io/etcd/server/v3": ("etcdserver/api/v3election/v3electionpb/v3election.proto",),
}
# 3.7 has dropped gogoproto; what is left are options for the JSON gateway, its OpenAPI page and the version of each field.
FOREIGN_OPTION: Final = re.compile(
    r"option \((?:google\.api\.http|grpc\.gateway[\w.]*|versionpb\.\w+|gogoproto\.\w+)\)\s*=\s*"
)


def generate(target: Path) -> None:
    """Writes the stubs below a source root. Raises ToolMissing if uv, go, or the network is missing."""
    with tempfile.TemporaryDirectory() as name:
        protos = Path(name) / PACKAGE
        protos.mkdir(parents=True)
        for module, paths in PROTOS.items():
            root = _source(module)
            for path in paths:
                (protos / Path(path).name).write_text(_stripped((root / path).read_text()))
        files = [f"{PACKAGE}/{path.name}" for path in sorted(protos.glob("*.proto"))]
        protoc(Path(name), target, files)
    for client in (target / PACKAGE).glob("*_pb2_grpc.py"):
        client.write_text(for_clients(client.read_text()))


def _source(module: str) -> Path:
    """A module downloaded by the go command, which checks it against the checksum database."""
    return Path(json.loads(run("go", "mod", "download", "-json", f"{module}@{ETCD_VERSION}"))["Dir"])


def _stripped(text: str) -> str:
    """A proto without what only etcd's own builds read, with imports adapted to the place of the stubs."""
    text = re.sub(r'import "(?!.*/(?:kv|auth|rpc)\.proto").*?;\n', "", text)
    text = re.sub(r'import "etcd/.*/(\w+\.proto)";', rf'import "{PACKAGE}/\1";', text)
    text = re.sub(r"\s*\[\s*\((?:versionpb|gogoproto)\.[^\]]*\]", "", text)
    while option := FOREIGN_OPTION.search(text):
        end = _end_of_option(text, option.end())
        text = text[: option.start()] + text[end:]
    return text


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
