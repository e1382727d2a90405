from grpc import aio as _aio
from saga.v1 import sagas_pb2 as _messages

class SagasStub:
    def __init__(self, channel: _aio.Channel) -> None: ...
    StartSaga: _aio.UnaryUnaryMultiCallable[_messages.StartSagaRequest, _messages.StartSagaResponse]
    ListSagas: _aio.UnaryUnaryMultiCallable[_messages.ListSagasRequest, _messages.ListSagasResponse]
    GetSaga: _aio.UnaryUnaryMultiCallable[_messages.GetSagaRequest, _messages.GetSagaResponse]
    GetResult: _aio.UnaryUnaryMultiCallable[_messages.GetResultRequest, _messages.GetResultResponse]
    GetHistory: _aio.UnaryUnaryMultiCallable[_messages.GetHistoryRequest, _messages.GetHistoryResponse]
    WatchSaga: _aio.UnaryStreamMultiCallable[_messages.WatchSagaRequest, _messages.WatchSagaResponse]
    PlanAction: _aio.UnaryUnaryMultiCallable[_messages.PlanActionRequest, _messages.PlanActionResponse]
    Act: _aio.UnaryUnaryMultiCallable[_messages.ActRequest, _messages.ActResponse]
    GetSagaAudit: _aio.UnaryUnaryMultiCallable[_messages.GetSagaAuditRequest, _messages.GetSagaAuditResponse]
    SendEvent: _aio.UnaryUnaryMultiCallable[_messages.SendEventRequest, _messages.SendEventResponse]
    CompleteStep: _aio.UnaryUnaryMultiCallable[_messages.CompleteStepRequest, _messages.CompleteStepResponse]
