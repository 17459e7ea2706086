"""Query a server's state, as its clients see it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from buildgrid._protos.build.bazel.remote.execution.v2 import (
    remote_execution_pb2 as reapi,
)
from buildgrid._protos.build.bazel.remote.execution.v2 import (
    remote_execution_pb2_grpc as services,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from remote_cache.errors import CacheError

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Status:
    """What a client may do."""

    address: str
    serving: bool
    reads: bool
    writes: bool


def connect(address: str, authorities: Path | None, tls: bool) -> grpc.Channel:
    """Open a channel. `authorities`: PEM file of certificate authorities; None: gRPC's own."""
    if not tls:
        return grpc.insecure_channel(address)
    try:
        roots = None if authorities is None else authorities.read_bytes()
    except OSError as error:
        raise CacheError(f"--ca-file: {authorities} cannot be read: {error}") from error
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(root_certificates=roots))


def status(channel: grpc.Channel, address: str, instance: str, token: str | None) -> Status:
    """Query the server's health, and what `token` permits; nothing is stored.

    Raises CacheError if nothing answers, or not as a cache.
    """
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    try:
        health = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(
                service="build.bazel.remote.execution.v2.ContentAddressableStorage"
            ),
            timeout=TIMEOUT_S,
        )
        cas = services.ContentAddressableStorageStub(channel)
        nothing = reapi.Digest(hash=hashlib.sha256(b"").hexdigest(), size_bytes=0)
        find = reapi.FindMissingBlobsRequest(instance_name=instance, blob_digests=[nothing])
        reads = _permitted(lambda: cas.FindMissingBlobs(find, metadata=metadata, timeout=TIMEOUT_S))
        store = reapi.BatchUpdateBlobsRequest(instance_name=instance, requests=[])
        writes = _permitted(
            lambda: cas.BatchUpdateBlobs(store, metadata=metadata, timeout=TIMEOUT_S)
        )
    except grpc.RpcError as error:
        raise CacheError(
            f"{address} does not answer as a cache: {error.code().name}: {error.details()}"
        ) from error
    serving = health.status == health_pb2.HealthCheckResponse.SERVING
    return Status(address, serving, reads, writes)


def _permitted(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return False
        raise
    return True
