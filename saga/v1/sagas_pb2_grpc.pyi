from grpc import aio as _aio
from saga.v1 import sagas_pb2 as _messages

class SagasStub:
    def __init__(self, channel: _aio.Channel) -> None: ...
    StartSaga: _aio.UnaryUnaryMultiCallable[_messages.StartSagaRequest, _messages.StartSagaResponse]
    ListSagas: _aio.UnaryUnaryMultiCallable[_messages.ListSagasRequest, _messages.ListSagasResponse]
    GetSaga: _aio.UnaryUnaryMultiCallable[_messages.GetSagaRequest, _messages.GetSagaResponse]
