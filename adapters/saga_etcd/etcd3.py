"""Lets the package `etcd3` run beside this adapter, on the same stubs.

Its own stubs fail to load on current versions of protobuf, and would register every message a second time.
"""

from __future__ import annotations

import sys
from types import ModuleType

from saga_etcd.stubs import auth_pb2, kv_pb2, rpc_pb2, rpc_pb2_grpc

STUBS_MODULE = "etcd3.etcdrpc"


def stubs_for_etcd3() -> None:
    """Installs this adapter's stubs where `etcd3` imports its own. Call this before importing `etcd3`; see the extra of that name."""
    stubs = ModuleType(STUBS_MODULE)
    for module in (rpc_pb2, rpc_pb2_grpc):
        vars(stubs).update({name: value for name, value in vars(module).items() if not name.startswith("_")})
    parts = {"auth_pb2": auth_pb2, "kv_pb2": kv_pb2, "rpc_pb2": rpc_pb2, "rpc_pb2_grpc": rpc_pb2_grpc}
    vars(stubs).update(parts)
    sys.modules[STUBS_MODULE] = stubs
    sys.modules.update({f"{STUBS_MODULE}.{name}": module for name, module in parts.items()})
