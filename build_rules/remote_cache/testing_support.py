"""The server as a process, and a client that speaks its protocol."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as reapi
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as services
from buildgrid._protos.google.bytestream import bytestream_pb2, bytestream_pb2_grpc

INSTANCE = "main"
TIMEOUT_S = 120.0


class Server:
    """`serve` on a free port of loopback, over `folder`."""

    def __init__(self, folder: Path, *options: str, prefix: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *prefix,
                    *(sys.executable, "-m", "remote_cache.server", "serve"),
                    *("--folder", str(folder), "--listen", "127.0.0.1:0", "--keep-free", "1M"),
                    *options,
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        try:
            self.address = self._wait_for("ready: ").split(",")[0]
        except BaseException:
            self.kill()
            raise

    def _wait_for(self, start: str) -> str:
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.log.read_text().splitlines():
                if line.startswith(start):
                    return line.removeprefix(start)
            time.sleep(0.05)
        raise AssertionError(f"no line {start!r}:\n{self.log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(TIMEOUT_S)

    def client(self, token: str | None = None) -> Client:
        return Client(grpc.insecure_channel(self.address), token)


class Client:
    """What a build does with a cache."""

    def __init__(self, channel: grpc.Channel, token: str | None = None) -> None:
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        self._cas = services.ContentAddressableStorageStub(channel)
        self._actions = services.ActionCacheStub(channel)
        self._bytes = bytestream_pb2_grpc.ByteStreamStub(channel)

    def missing(self, *digests: reapi.Digest) -> list[reapi.Digest]:
        request = reapi.FindMissingBlobsRequest(instance_name=INSTANCE, blob_digests=digests)
        answer = self._cas.FindMissingBlobs(request, metadata=self._metadata, timeout=TIMEOUT_S)
        return list(answer.missing_blob_digests)

    def put(self, content: bytes, claimed: reapi.Digest | None = None) -> reapi.Digest:
        """In one batch."""
        named = claimed or digest(content)
        one = reapi.BatchUpdateBlobsRequest.Request(digest=named, data=content)
        request = reapi.BatchUpdateBlobsRequest(instance_name=INSTANCE, requests=[one])
        answer = self._cas.BatchUpdateBlobs(request, metadata=self._metadata, timeout=TIMEOUT_S)
        (response,) = answer.responses
        if response.status.code:
            raise ValueError(f"{response.status.code}: {response.status.message}")
        return named

    def stream(self, content: bytes) -> reapi.Digest:
        """As large blobs are uploaded."""
        named = digest(content)
        step = 1024 * 1024

        def requests() -> Iterator[bytestream_pb2.WriteRequest]:
            for start in range(0, len(content), step):
                yield bytestream_pb2.WriteRequest(
                    resource_name=f"{INSTANCE}/uploads/1/blobs/{named.hash}/{named.size_bytes}",
                    write_offset=start,
                    data=content[start : start + step],
                    finish_write=start + step >= len(content),
                )

        self._bytes.Write(requests(), metadata=self._metadata, timeout=TIMEOUT_S)
        return named

    def get(self, named: reapi.Digest) -> bytes | None:
        """By a batch; None: not there."""
        request = reapi.BatchReadBlobsRequest(instance_name=INSTANCE, digests=[named])
        answer = self._cas.BatchReadBlobs(request, metadata=self._metadata, timeout=TIMEOUT_S)
        (response,) = answer.responses
        return response.data if response.status.code == 0 else None

    def read(self, named: reapi.Digest) -> bytes:
        """By a stream."""
        request = bytestream_pb2.ReadRequest(
            resource_name=f"{INSTANCE}/blobs/{named.hash}/{named.size_bytes}"
        )
        answers = self._bytes.Read(request, metadata=self._metadata, timeout=TIMEOUT_S)
        return b"".join(answer.data for answer in answers)

    def result(self, action: reapi.Digest) -> reapi.ActionResult | None:
        request = reapi.GetActionResultRequest(instance_name=INSTANCE, action_digest=action)
        try:
            return self._actions.GetActionResult(
                request, metadata=self._metadata, timeout=TIMEOUT_S
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def store(self, action: reapi.Digest, result: reapi.ActionResult) -> None:
        request = reapi.UpdateActionResultRequest(
            instance_name=INSTANCE, action_digest=action, action_result=result
        )
        self._actions.UpdateActionResult(request, metadata=self._metadata, timeout=TIMEOUT_S)


def digest(content: bytes) -> reapi.Digest:
    return reapi.Digest(hash=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def result_of(*files: reapi.Digest) -> reapi.ActionResult:
    return reapi.ActionResult(
        output_files=[
            reapi.OutputFile(path=f"out-{number}", digest=file) for number, file in enumerate(files)
        ]
    )


def blob_file(server: Server, named: reapi.Digest) -> Path:
    name: str = named.hash
    return server.folder / "cas/objects" / name[:2] / name[2:]


StartServer = Callable[..., Server]
