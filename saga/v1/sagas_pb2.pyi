from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from saga.v1 import roles_pb2 as _roles_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_RUNNING: _ClassVar[Phase]
    PHASE_COMPENSATING: _ClassVar[Phase]
    PHASE_ABANDONING: _ClassVar[Phase]
    PHASE_COMPLETED: _ClassVar[Phase]
    PHASE_COMPENSATED: _ClassVar[Phase]
    PHASE_ABANDONED: _ClassVar[Phase]

class Part(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PART_UNSPECIFIED: _ClassVar[Part]
    PART_INPUT: _ClassVar[Part]
    PART_RESULT: _ClassVar[Part]
    PART_WHY: _ClassVar[Part]
    PART_STEPS: _ClassVar[Part]
    PART_HISTORY: _ClassVar[Part]
    PART_EFFECTS: _ClassVar[Part]
    PART_ALLOWED: _ClassVar[Part]

class Situation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SITUATION_UNSPECIFIED: _ClassVar[Situation]
    SITUATION_PAUSED: _ClassVar[Situation]
    SITUATION_QUARANTINED: _ClassVar[Situation]
    SITUATION_PAST_DEADLINE: _ClassVar[Situation]
    SITUATION_NOBODY_ALIVE: _ClassVar[Situation]
    SITUATION_RETRY_WAIT: _ClassVar[Situation]
    SITUATION_RESOLVING: _ClassVar[Situation]
    SITUATION_VOIDING: _ClassVar[Situation]
    SITUATION_UNDOING: _ClassVar[Situation]
    SITUATION_FREEZING: _ClassVar[Situation]
    SITUATION_UNCLAIMED: _ClassVar[Situation]
    SITUATION_RUNNING: _ClassVar[Situation]
    SITUATION_BETWEEN: _ClassVar[Situation]
    SITUATION_COMPLETED: _ClassVar[Situation]
    SITUATION_ROLLED_BACK: _ClassVar[Situation]
    SITUATION_ABANDONED: _ClassVar[Situation]
    SITUATION_WAITING: _ClassVar[Situation]

class StepKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_KIND_UNSPECIFIED: _ClassVar[StepKind]
    STEP_KIND_CALL: _ClassVar[StepKind]
    STEP_KIND_CHECK: _ClassVar[StepKind]
    STEP_KIND_WAIT: _ClassVar[StepKind]
    STEP_KIND_TIMER: _ClassVar[StepKind]

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_TRANSACTIONAL: _ClassVar[Mode]
    MODE_JOURNALED: _ClassVar[Mode]
    MODE_EXTERNAL: _ClassVar[Mode]
    MODE_ENGINE: _ClassVar[Mode]

class StepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_STATE_UNSPECIFIED: _ClassVar[StepState]
    STEP_STATE_PENDING: _ClassVar[StepState]
    STEP_STATE_DISPATCHED: _ClassVar[StepState]
    STEP_STATE_VOIDING: _ClassVar[StepState]
    STEP_STATE_RESOLVING: _ClassVar[StepState]
    STEP_STATE_COMPENSATING: _ClassVar[StepState]
    STEP_STATE_QUARANTINED_DISPATCHED: _ClassVar[StepState]
    STEP_STATE_QUARANTINED_VOIDING: _ClassVar[StepState]
    STEP_STATE_QUARANTINED_RESOLVING: _ClassVar[StepState]
    STEP_STATE_QUARANTINED_COMPENSATING: _ClassVar[StepState]
    STEP_STATE_SUCCEEDED: _ClassVar[StepState]
    STEP_STATE_SKIPPED: _ClassVar[StepState]
    STEP_STATE_REJECTED_HANDLED: _ClassVar[StepState]
    STEP_STATE_REJECTED: _ClassVar[StepState]
    STEP_STATE_VOID: _ClassVar[StepState]
    STEP_STATE_COMPENSATED: _ClassVar[StepState]
    STEP_STATE_FROZEN: _ClassVar[StepState]
    STEP_STATE_EFFECT_UNKNOWN: _ClassVar[StepState]

class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_UNSPECIFIED: _ClassVar[Operation]
    OPERATION_EXECUTE: _ClassVar[Operation]
    OPERATION_COMPENSATE: _ClassVar[Operation]
    OPERATION_VOID_OR_REPORT: _ClassVar[Operation]

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_UNSPECIFIED: _ClassVar[Effect]
    EFFECT_NOT_YET: _ClassVar[Effect]
    EFFECT_STANDS: _ClassVar[Effect]
    EFFECT_UNDONE: _ClassVar[Effect]
    EFFECT_NEVER_HAPPENED: _ClassVar[Effect]
    EFFECT_UNKNOWN: _ClassVar[Effect]
    EFFECT_LEFT: _ClassVar[Effect]

class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_UNSPECIFIED: _ClassVar[Action]
    ACTION_ROLL_BACK: _ClassVar[Action]
    ACTION_PAUSE: _ClassVar[Action]
    ACTION_RESUME: _ClassVar[Action]
    ACTION_RETRY: _ClassVar[Action]
    ACTION_SKIP: _ClassVar[Action]
    ACTION_RESOLVE: _ClassVar[Action]
    ACTION_ABANDON: _ClassVar[Action]
    ACTION_UNDO_STEP: _ClassVar[Action]

class Evidence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVIDENCE_UNSPECIFIED: _ClassVar[Evidence]
    EVIDENCE_HAPPENED: _ClassVar[Evidence]
    EVIDENCE_DID_NOT_HAPPEN: _ClassVar[Evidence]
    EVIDENCE_COMPENSATED: _ClassVar[Evidence]

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    STATUS_COMPLETED: _ClassVar[Status]
    STATUS_COMPENSATED: _ClassVar[Status]
    STATUS_ABANDONED: _ClassVar[Status]

class Undo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDO_UNSPECIFIED: _ClassVar[Undo]
    UNDO_COMPENSATE: _ClassVar[Undo]
    UNDO_FIND_OUT: _ClassVar[Undo]
    UNDO_COMPENSATE_OR_FORBID: _ClassVar[Undo]
    UNDO_AWAIT_PIVOT: _ClassVar[Undo]
    UNDO_KEEP: _ClassVar[Undo]
    UNDO_VOID: _ClassVar[Undo]
PHASE_UNSPECIFIED: Phase
PHASE_RUNNING: Phase
PHASE_COMPENSATING: Phase
PHASE_ABANDONING: Phase
PHASE_COMPLETED: Phase
PHASE_COMPENSATED: Phase
PHASE_ABANDONED: Phase
PART_UNSPECIFIED: Part
PART_INPUT: Part
PART_RESULT: Part
PART_WHY: Part
PART_STEPS: Part
PART_HISTORY: Part
PART_EFFECTS: Part
PART_ALLOWED: Part
SITUATION_UNSPECIFIED: Situation
SITUATION_PAUSED: Situation
SITUATION_QUARANTINED: Situation
SITUATION_PAST_DEADLINE: Situation
SITUATION_NOBODY_ALIVE: Situation
SITUATION_RETRY_WAIT: Situation
SITUATION_RESOLVING: Situation
SITUATION_VOIDING: Situation
SITUATION_UNDOING: Situation
SITUATION_FREEZING: Situation
SITUATION_UNCLAIMED: Situation
SITUATION_RUNNING: Situation
SITUATION_BETWEEN: Situation
SITUATION_COMPLETED: Situation
SITUATION_ROLLED_BACK: Situation
SITUATION_ABANDONED: Situation
SITUATION_WAITING: Situation
STEP_KIND_UNSPECIFIED: StepKind
STEP_KIND_CALL: StepKind
STEP_KIND_CHECK: StepKind
STEP_KIND_WAIT: StepKind
STEP_KIND_TIMER: StepKind
MODE_UNSPECIFIED: Mode
MODE_TRANSACTIONAL: Mode
MODE_JOURNALED: Mode
MODE_EXTERNAL: Mode
MODE_ENGINE: Mode
STEP_STATE_UNSPECIFIED: StepState
STEP_STATE_PENDING: StepState
STEP_STATE_DISPATCHED: StepState
STEP_STATE_VOIDING: StepState
STEP_STATE_RESOLVING: StepState
STEP_STATE_COMPENSATING: StepState
STEP_STATE_QUARANTINED_DISPATCHED: StepState
STEP_STATE_QUARANTINED_VOIDING: StepState
STEP_STATE_QUARANTINED_RESOLVING: StepState
STEP_STATE_QUARANTINED_COMPENSATING: StepState
STEP_STATE_SUCCEEDED: StepState
STEP_STATE_SKIPPED: StepState
STEP_STATE_REJECTED_HANDLED: StepState
STEP_STATE_REJECTED: StepState
STEP_STATE_VOID: StepState
STEP_STATE_COMPENSATED: StepState
STEP_STATE_FROZEN: StepState
STEP_STATE_EFFECT_UNKNOWN: StepState
OPERATION_UNSPECIFIED: Operation
OPERATION_EXECUTE: Operation
OPERATION_COMPENSATE: Operation
OPERATION_VOID_OR_REPORT: Operation
EFFECT_UNSPECIFIED: Effect
EFFECT_NOT_YET: Effect
EFFECT_STANDS: Effect
EFFECT_UNDONE: Effect
EFFECT_NEVER_HAPPENED: Effect
EFFECT_UNKNOWN: Effect
EFFECT_LEFT: Effect
ACTION_UNSPECIFIED: Action
ACTION_ROLL_BACK: Action
ACTION_PAUSE: Action
ACTION_RESUME: Action
ACTION_RETRY: Action
ACTION_SKIP: Action
ACTION_RESOLVE: Action
ACTION_ABANDON: Action
ACTION_UNDO_STEP: Action
EVIDENCE_UNSPECIFIED: Evidence
EVIDENCE_HAPPENED: Evidence
EVIDENCE_DID_NOT_HAPPEN: Evidence
EVIDENCE_COMPENSATED: Evidence
STATUS_UNSPECIFIED: Status
STATUS_COMPLETED: Status
STATUS_COMPENSATED: Status
STATUS_ABANDONED: Status
UNDO_UNSPECIFIED: Undo
UNDO_COMPENSATE: Undo
UNDO_FIND_OUT: Undo
UNDO_COMPENSATE_OR_FORBID: Undo
UNDO_AWAIT_PIVOT: Undo
UNDO_KEEP: Undo
UNDO_VOID: Undo

class StartSagaRequest(_message.Message):
    __slots__ = ("definition", "version", "input", "key", "id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    definition: str
    version: int
    input: bytes
    key: str
    id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, definition: _Optional[str] = ..., version: _Optional[int] = ..., input: _Optional[bytes] = ..., key: _Optional[str] = ..., id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StartSagaResponse(_message.Message):
    __slots__ = ("now", "saga", "is_new")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    saga: str
    is_new: bool
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[str] = ..., is_new: bool = ...) -> None: ...

class ListSagasRequest(_message.Message):
    __slots__ = ("q", "cursor", "limit")
    Q_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    q: str
    cursor: str
    limit: int
    def __init__(self, q: _Optional[str] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListSagasResponse(_message.Message):
    __slots__ = ("now", "sagas", "next", "complete", "scanned_to")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGAS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SCANNED_TO_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    sagas: _containers.RepeatedCompositeFieldContainer[SagaLine]
    next: str
    complete: bool
    scanned_to: str
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., sagas: _Optional[_Iterable[_Union[SagaLine, _Mapping[str, object]]]] = ..., next: _Optional[str] = ..., complete: bool = ..., scanned_to: _Optional[str] = ...) -> None: ...

class SagaLine(_message.Message):
    __slots__ = ("saga", "definition", "version", "phase", "roll_back_requested", "paused", "stuck", "steps", "since", "deadline", "compensation_budget_ends_at", "reason", "key", "started_at", "ended_at")
    SAGA_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    ROLL_BACK_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_BUDGET_ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    saga: str
    definition: str
    version: int
    phase: Phase
    roll_back_requested: bool
    paused: bool
    stuck: bool
    steps: _containers.RepeatedScalarFieldContainer[str]
    since: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    compensation_budget_ends_at: _timestamp_pb2.Timestamp
    reason: str
    key: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, saga: _Optional[str] = ..., definition: _Optional[str] = ..., version: _Optional[int] = ..., phase: _Optional[_Union[Phase, str]] = ..., roll_back_requested: bool = ..., paused: bool = ..., stuck: bool = ..., steps: _Optional[_Iterable[str]] = ..., since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., deadline: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., compensation_budget_ends_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., key: _Optional[str] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., ended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class GetSagaRequest(_message.Message):
    __slots__ = ("ref", "with_parts")
    REF_FIELD_NUMBER: _ClassVar[int]
    WITH_PARTS_FIELD_NUMBER: _ClassVar[int]
    ref: str
    with_parts: _containers.RepeatedScalarFieldContainer[Part]
    def __init__(self, ref: _Optional[str] = ..., with_parts: _Optional[_Iterable[_Union[Part, str]]] = ...) -> None: ...

class GetSagaResponse(_message.Message):
    __slots__ = ("now", "saga")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    saga: Saga
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[_Union[Saga, _Mapping[str, object]]] = ...) -> None: ...

class Saga(_message.Message):
    __slots__ = ("saga", "definition", "version", "phase", "roll_back_requested", "paused", "stuck", "reason", "key", "tags", "started_at", "ended_at", "deadline", "compensation_budget_ends_at", "input", "result", "why", "steps", "history", "effects", "allowed")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SAGA_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    ROLL_BACK_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    STUCK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_BUDGET_ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    saga: str
    definition: str
    version: int
    phase: Phase
    roll_back_requested: bool
    paused: bool
    stuck: bool
    reason: str
    key: str
    tags: _containers.ScalarMap[str, str]
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    compensation_budget_ends_at: _timestamp_pb2.Timestamp
    input: bytes
    result: bytes
    why: Why
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    history: _containers.RepeatedCompositeFieldContainer[HistoryLine]
    effects: _containers.RepeatedCompositeFieldContainer[EffectLine]
    allowed: _containers.RepeatedCompositeFieldContainer[AllowedAction]
    def __init__(self, saga: _Optional[str] = ..., definition: _Optional[str] = ..., version: _Optional[int] = ..., phase: _Optional[_Union[Phase, str]] = ..., roll_back_requested: bool = ..., paused: bool = ..., stuck: bool = ..., reason: _Optional[str] = ..., key: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., ended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., deadline: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., compensation_budget_ends_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., input: _Optional[bytes] = ..., result: _Optional[bytes] = ..., why: _Optional[_Union[Why, _Mapping[str, object]]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping[str, object]]]] = ..., history: _Optional[_Iterable[_Union[HistoryLine, _Mapping[str, object]]]] = ..., effects: _Optional[_Iterable[_Union[EffectLine, _Mapping[str, object]]]] = ..., allowed: _Optional[_Iterable[_Union[AllowedAction, _Mapping[str, object]]]] = ...) -> None: ...

class Why(_message.Message):
    __slots__ = ("situation", "step", "waits_for", "since", "until", "then", "who", "remedy", "note")
    SITUATION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    situation: Situation
    step: str
    waits_for: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    then: str
    who: _containers.RepeatedScalarFieldContainer[str]
    remedy: str
    note: str
    def __init__(self, situation: _Optional[_Union[Situation, str]] = ..., step: _Optional[str] = ..., waits_for: _Optional[str] = ..., since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., then: _Optional[str] = ..., who: _Optional[_Iterable[str]] = ..., remedy: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("name", "kind", "service", "mode", "pivot", "state", "reason", "attempts", "failures", "process", "operation", "due_at", "lease_until", "error", "finished_at", "result")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PIVOT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: StepKind
    service: str
    mode: Mode
    pivot: bool
    state: StepState
    reason: str
    attempts: int
    failures: int
    process: str
    operation: Operation
    due_at: _timestamp_pb2.Timestamp
    lease_until: _timestamp_pb2.Timestamp
    error: str
    finished_at: _timestamp_pb2.Timestamp
    result: bytes
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[StepKind, str]] = ..., service: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ..., pivot: bool = ..., state: _Optional[_Union[StepState, str]] = ..., reason: _Optional[str] = ..., attempts: _Optional[int] = ..., failures: _Optional[int] = ..., process: _Optional[str] = ..., operation: _Optional[_Union[Operation, str]] = ..., due_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., lease_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., error: _Optional[str] = ..., finished_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., result: _Optional[bytes] = ...) -> None: ...

class HistoryLine(_message.Message):
    __slots__ = ("at", "event", "step", "detail", "process", "operation")
    AT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    event: str
    step: str
    detail: str
    process: str
    operation: Operation
    def __init__(self, at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., event: _Optional[str] = ..., step: _Optional[str] = ..., detail: _Optional[str] = ..., process: _Optional[str] = ..., operation: _Optional[_Union[Operation, str]] = ...) -> None: ...

class EffectLine(_message.Message):
    __slots__ = ("step", "service", "effect", "state", "can_be_undone", "finished_at")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CAN_BE_UNDONE_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    step: str
    service: str
    effect: Effect
    state: StepState
    can_be_undone: bool
    finished_at: _timestamp_pb2.Timestamp
    def __init__(self, step: _Optional[str] = ..., service: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., state: _Optional[_Union[StepState, str]] = ..., can_be_undone: bool = ..., finished_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class AllowedAction(_message.Message):
    __slots__ = ("action", "step", "evidence", "is_grave", "ok", "why_not")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    IS_GRAVE_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    WHY_NOT_FIELD_NUMBER: _ClassVar[int]
    action: Action
    step: str
    evidence: Evidence
    is_grave: bool
    ok: bool
    why_not: str
    def __init__(self, action: _Optional[_Union[Action, str]] = ..., step: _Optional[str] = ..., evidence: _Optional[_Union[Evidence, str]] = ..., is_grave: bool = ..., ok: bool = ..., why_not: _Optional[str] = ...) -> None: ...

class GetResultRequest(_message.Message):
    __slots__ = ("ref", "wait")
    REF_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    ref: str
    wait: _duration_pb2.Duration
    def __init__(self, ref: _Optional[str] = ..., wait: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class GetResultResponse(_message.Message):
    __slots__ = ("now", "saga", "status", "value", "reason")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    saga: str
    status: Status
    value: bytes
    reason: str
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., value: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class GetHistoryRequest(_message.Message):
    __slots__ = ("ref", "cursor", "limit")
    REF_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ref: str
    cursor: str
    limit: int
    def __init__(self, ref: _Optional[str] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class GetHistoryResponse(_message.Message):
    __slots__ = ("now", "saga", "history", "next")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    saga: str
    history: _containers.RepeatedCompositeFieldContainer[HistoryLine]
    next: str
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[str] = ..., history: _Optional[_Iterable[_Union[HistoryLine, _Mapping[str, object]]]] = ..., next: _Optional[str] = ...) -> None: ...

class WatchSagaRequest(_message.Message):
    __slots__ = ("ref", "last_event_id")
    REF_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ref: str
    last_event_id: str
    def __init__(self, ref: _Optional[str] = ..., last_event_id: _Optional[str] = ...) -> None: ...

class WatchSagaResponse(_message.Message):
    __slots__ = ("id", "history", "saga", "end", "reset", "now")
    ID_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    id: str
    history: HistoryLine
    saga: Saga
    end: End
    reset: Reset
    now: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., history: _Optional[_Union[HistoryLine, _Mapping[str, object]]] = ..., saga: _Optional[_Union[Saga, _Mapping[str, object]]] = ..., end: _Optional[_Union[End, _Mapping[str, object]]] = ..., reset: _Optional[_Union[Reset, _Mapping[str, object]]] = ..., now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class End(_message.Message):
    __slots__ = ("saga", "phase")
    SAGA_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    saga: str
    phase: Phase
    def __init__(self, saga: _Optional[str] = ..., phase: _Optional[_Union[Phase, str]] = ...) -> None: ...

class Reset(_message.Message):
    __slots__ = ("saga",)
    SAGA_FIELD_NUMBER: _ClassVar[int]
    saga: str
    def __init__(self, saga: _Optional[str] = ...) -> None: ...

class PlanActionRequest(_message.Message):
    __slots__ = ("ref", "action", "step", "evidence")
    REF_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ref: str
    action: Action
    step: str
    evidence: Evidence
    def __init__(self, ref: _Optional[str] = ..., action: _Optional[_Union[Action, str]] = ..., step: _Optional[str] = ..., evidence: _Optional[_Union[Evidence, str]] = ...) -> None: ...

class PlanActionResponse(_message.Message):
    __slots__ = ("now", "plan")
    NOW_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    plan: Plan
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., plan: _Optional[_Union[Plan, _Mapping[str, object]]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("saga", "action", "step", "refusal", "changes", "stages", "kept", "residue", "calls", "digest")
    class CallsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SAGA_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    RESIDUE_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    saga: str
    action: str
    step: str
    refusal: str
    changes: _containers.RepeatedScalarFieldContainer[str]
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    kept: _containers.RepeatedScalarFieldContainer[str]
    residue: _containers.RepeatedScalarFieldContainer[str]
    calls: _containers.ScalarMap[str, int]
    digest: str
    def __init__(self, saga: _Optional[str] = ..., action: _Optional[str] = ..., step: _Optional[str] = ..., refusal: _Optional[str] = ..., changes: _Optional[_Iterable[str]] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping[str, object]]]] = ..., kept: _Optional[_Iterable[str]] = ..., residue: _Optional[_Iterable[str]] = ..., calls: _Optional[_Mapping[str, int]] = ..., digest: _Optional[str] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[PlannedUndo]
    def __init__(self, steps: _Optional[_Iterable[_Union[PlannedUndo, _Mapping[str, object]]]] = ...) -> None: ...

class PlannedUndo(_message.Message):
    __slots__ = ("step", "service", "state", "undo")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    step: str
    service: str
    state: StepState
    undo: Undo
    def __init__(self, step: _Optional[str] = ..., service: _Optional[str] = ..., state: _Optional[_Union[StepState, str]] = ..., undo: _Optional[_Union[Undo, str]] = ...) -> None: ...

class ActRequest(_message.Message):
    __slots__ = ("ref", "action", "step", "evidence", "reason", "if_match", "idempotency_key")
    REF_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ref: str
    action: Action
    step: str
    evidence: Evidence
    reason: str
    if_match: str
    idempotency_key: str
    def __init__(self, ref: _Optional[str] = ..., action: _Optional[_Union[Action, str]] = ..., step: _Optional[str] = ..., evidence: _Optional[_Union[Evidence, str]] = ..., reason: _Optional[str] = ..., if_match: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ActResponse(_message.Message):
    __slots__ = ("now", "saga", "is_replayed")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    IS_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    saga: Saga
    is_replayed: bool
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[_Union[Saga, _Mapping[str, object]]] = ..., is_replayed: bool = ...) -> None: ...

class GetSagaAuditRequest(_message.Message):
    __slots__ = ("ref", "before", "limit")
    REF_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ref: str
    before: int
    limit: int
    def __init__(self, ref: _Optional[str] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class GetSagaAuditResponse(_message.Message):
    __slots__ = ("now", "saga", "audit", "next")
    NOW_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    saga: str
    audit: _containers.RepeatedCompositeFieldContainer[AuditLine]
    next: int
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[str] = ..., audit: _Optional[_Iterable[_Union[AuditLine, _Mapping[str, object]]]] = ..., next: _Optional[int] = ...) -> None: ...

class AuditLine(_message.Message):
    __slots__ = ("id", "at", "saga", "actor", "authenticated", "address", "action", "step", "reason", "request", "plan", "refusal", "before", "after")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SAGA_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATED_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    id: int
    at: _timestamp_pb2.Timestamp
    saga: str
    actor: str
    authenticated: str
    address: str
    action: str
    step: str
    reason: str
    request: str
    plan: str
    refusal: str
    before: bytes
    after: bytes
    def __init__(self, id: _Optional[int] = ..., at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., saga: _Optional[str] = ..., actor: _Optional[str] = ..., authenticated: _Optional[str] = ..., address: _Optional[str] = ..., action: _Optional[str] = ..., step: _Optional[str] = ..., reason: _Optional[str] = ..., request: _Optional[str] = ..., plan: _Optional[str] = ..., refusal: _Optional[str] = ..., before: _Optional[bytes] = ..., after: _Optional[bytes] = ...) -> None: ...

class SendEventRequest(_message.Message):
    __slots__ = ("ref", "name", "payload", "id")
    REF_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ref: str
    name: str
    payload: bytes
    id: str
    def __init__(self, ref: _Optional[str] = ..., name: _Optional[str] = ..., payload: _Optional[bytes] = ..., id: _Optional[str] = ...) -> None: ...

class SendEventResponse(_message.Message):
    __slots__ = ("now", "id", "is_new")
    NOW_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    id: str
    is_new: bool
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., id: _Optional[str] = ..., is_new: bool = ...) -> None: ...

class CompleteStepRequest(_message.Message):
    __slots__ = ("token", "value", "rejected", "failed")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    token: str
    value: bytes
    rejected: str
    failed: str
    def __init__(self, token: _Optional[str] = ..., value: _Optional[bytes] = ..., rejected: _Optional[str] = ..., failed: _Optional[str] = ...) -> None: ...

class CompleteStepResponse(_message.Message):
    __slots__ = ("now", "id", "is_new")
    NOW_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    now: _timestamp_pb2.Timestamp
    id: str
    is_new: bool
    def __init__(self, now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., id: _Optional[str] = ..., is_new: bool = ...) -> None: ...
