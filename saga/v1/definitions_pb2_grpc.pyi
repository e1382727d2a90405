from grpc import aio as _aio
from saga.v1 import definitions_pb2 as _messages

class DefinitionsStub:
    def __init__(self, channel: _aio.Channel) -> None: ...
    ListDefinitions: _aio.UnaryUnaryMultiCallable[_messages.ListDefinitionsRequest, _messages.ListDefinitionsResponse]
    GetDefinition: _aio.UnaryUnaryMultiCallable[_messages.GetDefinitionRequest, _messages.GetDefinitionResponse]
    GetVersion: _aio.UnaryUnaryMultiCallable[_messages.GetVersionRequest, _messages.GetVersionResponse]
    GetDifference: _aio.UnaryUnaryMultiCallable[_messages.GetDifferenceRequest, _messages.GetDifferenceResponse]
    ActivateDefinition: _aio.UnaryUnaryMultiCallable[_messages.ActivateDefinitionRequest, _messages.ActivateDefinitionResponse]
    RegisterDefinition: _aio.UnaryUnaryMultiCallable[_messages.RegisterDefinitionRequest, _messages.RegisterDefinitionResponse]
