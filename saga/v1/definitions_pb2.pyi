from google.protobuf import timestamp_pb2 as _timestamp_pb2
from saga.v1 import roles_pb2 as _roles_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListDefinitionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDefinitionsResponse(_message.Message):
    __slots__ = ("now", "definitions")
    NOW_FIELD_NUMBER: _ClassVar[int]
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    definitions: _containers.RepeatedCompositeFieldContainer[DefinitionLine]
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., definitions: _Optional[_Iterable[_Union[DefinitionLine, _Mapping[str, object]]]] = ...) -> None: ...

class DefinitionLine(_message.Message):
    __slots__ = ("name", "version", "default", "steps", "services", "live_sagas", "hash")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    LIVE_SAGAS_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    default: bool
    steps: int
    services: _containers.RepeatedScalarFieldContainer[str]
    live_sagas: int
    hash: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., default: bool = ..., steps: _Optional[int] = ..., services: _Optional[_Iterable[str]] = ..., live_sagas: _Optional[int] = ..., hash: _Optional[str] = ...) -> None: ...

class GetDefinitionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetDefinitionResponse(_message.Message):
    __slots__ = ("now", "name", "versions")
    NOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    name: str
    versions: _containers.RepeatedCompositeFieldContainer[DefinitionLine]
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., name: _Optional[str] = ..., versions: _Optional[_Iterable[_Union[DefinitionLine, _Mapping[str, object]]]] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("now", "name", "version", "hash", "graph", "input_schema", "mermaid")
    NOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    MERMAID_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    name: str
    version: int
    hash: str
    graph: bytes
    input_schema: bytes
    mermaid: str
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., hash: _Optional[str] = ..., graph: _Optional[bytes] = ..., input_schema: _Optional[bytes] = ..., mermaid: _Optional[str] = ...) -> None: ...

class GetDifferenceRequest(_message.Message):
    __slots__ = ("name", "from_version", "to_version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    from_version: int
    to_version: int
    def __init__(self, name: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ...) -> None: ...

class GetDifferenceResponse(_message.Message):
    __slots__ = ("now", "name", "from_version", "to_version", "changes", "live_sagas", "default_version", "only_from_needs", "effect")
    NOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    LIVE_SAGAS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VERSION_FIELD_NUMBER: _ClassVar[int]
    ONLY_FROM_NEEDS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    name: str
    from_version: int
    to_version: int
    changes: _containers.RepeatedScalarFieldContainer[str]
    live_sagas: LiveSagas
    default_version: int
    only_from_needs: _containers.RepeatedScalarFieldContainer[str]
    effect: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., name: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., changes: _Optional[_Iterable[str]] = ..., live_sagas: _Optional[_Union[LiveSagas, _Mapping[str, object]]] = ..., default_version: _Optional[int] = ..., only_from_needs: _Optional[_Iterable[str]] = ..., effect: _Optional[_Iterable[str]] = ...) -> None: ...

class LiveSagas(_message.Message):
    __slots__ = ("from_version", "to_version")
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    from_version: int
    to_version: int
    def __init__(self, from_version: _Optional[int] = ..., to_version: _Optional[int] = ...) -> None: ...

class ActivateDefinitionRequest(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ActivateDefinitionResponse(_message.Message):
    __slots__ = ("now", "name", "version", "before")
    NOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    name: str
    version: int
    before: int
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., before: _Optional[int] = ...) -> None: ...

class RegisterDefinitionRequest(_message.Message):
    __slots__ = ("text", "graph", "input_schema", "activate", "overwrite", "dry_run")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    text: str
    graph: bytes
    input_schema: bytes
    activate: bool
    overwrite: bool
    dry_run: bool
    def __init__(self, text: _Optional[str] = ..., graph: _Optional[bytes] = ..., input_schema: _Optional[bytes] = ..., activate: bool = ..., overwrite: bool = ..., dry_run: bool = ...) -> None: ...

class RegisterDefinitionResponse(_message.Message):
    __slots__ = ("now", "name", "version", "hash", "number", "is_new", "warnings")
    NOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    name: str
    version: int
    hash: str
    number: int
    is_new: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., hash: _Optional[str] = ..., number: _Optional[int] = ..., is_new: bool = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...
