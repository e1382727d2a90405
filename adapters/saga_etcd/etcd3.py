"""The package `etcd3` beside this adapter: its own stubs load on no protobuf of today, and would be a second set in the process."""

from __future__ import annotations

import sys
from types import ModuleType

from saga_etcd.stubs import auth_pb2, kv_pb2, rpc_pb2, rpc_pb2_grpc

PLACE = "etcd3.etcdrpc"


def stubs_for_etcd3() -> None:
    """Put our stubs where `etcd3` looks for its own. Call it before `etcd3` is imported; see the extra of that name."""
    place = ModuleType(PLACE)
    for module in (rpc_pb2, rpc_pb2_grpc):
        vars(place).update({name: value for name, value in vars(module).items() if not name.startswith("_")})
    parts = {"auth_pb2": auth_pb2, "kv_pb2": kv_pb2, "rpc_pb2": rpc_pb2, "rpc_pb2_grpc": rpc_pb2_grpc}
    vars(place).update(parts)
    sys.modules[PLACE] = place
    sys.modules.update({f"{PLACE}.{name}": module for name, module in parts.items()})
