"""A service with health checks and reflection on loopback, called in both styles and by asyncio."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import descriptor_pool, json_format, struct_pb2, timestamp_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

server = grpc.server(ThreadPoolExecutor(4), compression=grpc.Compression.Gzip)
servicer = health.HealthServicer()
servicer.set("demo", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
reflection.enable_server_reflection(("grpc.health.v1.Health",), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    stub = health_pb2_grpc.HealthStub(channel)
    print(
        stub.Check(health_pb2.HealthCheckRequest(service="demo"), timeout=60, wait_for_ready=True)
    )
    print(next(stub.Watch(health_pb2.HealthCheckRequest(service="demo"))).status)
    try:
        stub.Check(health_pb2.HealthCheckRequest(service="other"), timeout=60)
    except grpc.RpcError as error:
        print(error.code())
    database = ProtoReflectionDescriptorDatabase(channel)
    print(list(database.get_services()))
    pool = descriptor_pool.DescriptorPool(database)
    print(pool.FindServiceByName("grpc.health.v1.Health").methods[0].name)


async def call() -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        print("aio", answer.status)


asyncio.run(call())
server.stop(None).wait()
struct = struct_pb2.Struct()
struct.update({"a": [1, {"b": None}]})
print(json_format.MessageToJson(struct, indent=None))
print(json_format.MessageToJson(timestamp_pb2.Timestamp(seconds=0)))
print(len(grpc.ssl_channel_credentials()._credentials.__class__.__name__) > 0)
