"""Generated from etcd's protos by `make stubs`. A process can hold one set of etcd's stubs: protobuf knows each message once."""
