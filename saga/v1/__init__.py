"""The gRPC API `saga.v1`: its protos, and the Python modules that are made from them (`make stubs`).

They need the extra `saga-coordination[grpc]`. `sagas_pb2_grpc.SagasStub(channel)` is a client.
"""
