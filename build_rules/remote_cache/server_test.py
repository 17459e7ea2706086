"""The server as its clients and its owner see it: a process, real requests, real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as reapi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from remote_cache.testing_support import (
    Client,
    Server,
    StartServer,
    blob_file,
    digest,
    result_of,
)

LARGE = bytes(range(256)) * 40_000  # 10 MB: a stream of several chunks


def program(*arguments: str, exit_code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "remote_cache.server", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def wait_until_gone(file: Path) -> None:
    end = time.monotonic() + 20
    while file.exists():
        assert time.monotonic() < end, f"{file} stays"
        time.sleep(0.05)


def test_all_outlives_the_server(start: StartServer, action: reapi.Digest) -> None:
    """After SIGTERM, after Ctrl-C, and after SIGKILL with something half written."""
    server = start()
    client = server.client()
    small, large = client.put(b"small"), client.stream(LARGE)
    client.store(action, result_of(small, large))
    assert server.stop(signal.SIGTERM) == 0
    assert server.log.read_text().endswith("stopping\nstopped\n")

    server = start()
    client = server.client()
    assert client.result(action) == result_of(small, large)
    assert client.get(small) == b"small"
    assert client.read(large) == LARGE
    assert server.stop(signal.SIGINT) == 0

    server = start()
    (server.folder / "tmp" / "half").write_bytes(b"half of something")
    server.stop(signal.SIGKILL)
    server = start()
    assert server.client().read(large) == LARGE
    assert list((server.folder / "tmp").iterdir()) == []


def test_wrong_content_is_refused(server: Server) -> None:
    client = server.client()
    with pytest.raises(ValueError, match="does not match hash"):
        client.put(b"something else", claimed=digest(b"something"))
    assert client.get(digest(b"something")) is None


@pytest.mark.parametrize("content", [b"s" * 100, LARGE[:-1]], ids=["small", "large"])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_blob_was_never_there(
    server: Server, content: bytes, damage: str, action: reapi.Digest
) -> None:
    """Neither as a blob nor as an output of an action; and it can be stored again."""
    client = server.client()
    named = client.stream(content)
    client.store(action, result_of(named))
    file = blob_file(server, named)
    if damage == "changed":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        file.unlink()
    with pytest.raises(grpc.RpcError) as failed:
        client.read(named)
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND
    assert not file.exists()
    assert client.result(action) is None
    client.stream(content)
    assert client.read(named) == content


def test_a_damaged_blob_in_a_batch(server: Server) -> None:
    client = server.client()
    named = client.put(b"right")
    blob_file(server, named).write_bytes(b"wrong")
    assert client.get(named) is None
    assert client.missing(named) == [named]


def test_a_damaged_result_was_never_there(server: Server, action: reapi.Digest) -> None:
    client = server.client()
    client.store(action, result_of(client.put(b"out")))
    (file,) = (server.folder / "actions").glob("*/*")
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    assert client.result(action) is None
    assert not file.exists()


def test_a_result_without_its_outputs_is_refused(server: Server, action: reapi.Digest) -> None:
    """It would be a promise that nobody can keep; a wrong digest is one such."""
    client = server.client()
    with pytest.raises(grpc.RpcError) as failed:
        client.store(action, result_of(digest(b"never uploaded")))
    assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert client.result(action) is None


def test_a_failure_is_not_kept(server: Server, action: reapi.Digest) -> None:
    client = server.client()
    result = result_of()
    result.exit_code = 1
    client.store(action, result)
    assert client.result(action) is None


def test_the_least_recently_used_goes_first(start: StartServer) -> None:
    server = start("--max-size", "1M")
    client = server.client()
    first, second = client.put(b"1" * 400_000), client.put(b"2" * 400_000)
    an_hour_ago = time.time() - 3600
    for named in (first, second):
        os.utime(blob_file(server, named), (an_hour_ago, an_hour_ago))
    assert client.get(first) is not None  # counts as used now
    third = client.put(b"3" * 400_000)
    wait_until_gone(blob_file(server, second))
    assert client.missing(first, second, third) == [second]


def test_what_nothing_used_expires(start: StartServer, action: reapi.Digest) -> None:
    server = start()
    client = server.client()
    old, new = client.put(b"old"), client.put(b"new")
    client.store(action, result_of(old))
    day_before_yesterday = time.time() - 2 * 86400
    for file in (blob_file(server, old), *(server.folder / "actions").glob("*/*")):
        os.utime(file, (day_before_yesterday, day_before_yesterday))
    server.stop()
    client = start("--max-age", "1d").client()
    wait_until_gone(blob_file(server, old))
    assert client.missing(old, new) == [old]
    assert client.result(action) is None


def test_a_blob_larger_than_the_cache_is_refused(start: StartServer) -> None:
    client = start("--max-size", "1M").client()
    with pytest.raises(grpc.RpcError) as failed:
        client.stream(LARGE)
    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(ValueError, match="larger than the cache"):
        client.put(b"x" * 1_100_000)
    assert client.missing(digest(LARGE)) == [digest(LARGE)]


def test_a_full_disk_is_said_and_survived(start: StartServer) -> None:
    """A limit of the size of files stands in for the disk: the same error, of one process."""
    server = start(prefix=("sh", "-c", 'ulimit -f 4000; exec "$@"', "sh"))
    client = server.client()
    with pytest.raises(grpc.RpcError) as failed:
        client.stream(LARGE)
    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.missing(digest(LARGE)) == [digest(LARGE)]
    assert client.get(client.put(b"small")) == b"small"
    assert list((server.folder / "tmp").iterdir()) == []


def test_one_server_a_folder(server: Server) -> None:
    said = program("serve", "--folder", str(server.folder), "--listen", "127.0.0.1:0", exit_code=1)
    assert f"process {server.process.pid} at {server.address}" in said


def test_a_taken_port_is_said(server: Server, tmp_path: Path) -> None:
    said = program(
        "serve", "--folder", str(tmp_path / "b"), "--listen", server.address, exit_code=1
    )
    assert f"cannot listen on {server.address}" in said


def test_roles(start: StartServer, tmp_path: Path, action: reapi.Digest) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 32)
    secret.chmod(0o600)
    server = start("--secret-file", str(secret))
    arguments = ("token", "--secret-file", str(secret), "--role")
    reader, writer = (program(*arguments, role).strip() for role in ("read", "write"))
    named = server.client(writer).put(b"trusted")
    server.client(writer).store(action, result_of(named))
    assert server.client(reader).get(named) == b"trusted"
    assert server.client(reader).result(action) == result_of(named)
    attempts: list[Callable[[], object]] = [
        lambda: server.client(reader).put(b"mine"),
        lambda: server.client(reader).stream(LARGE),
        lambda: server.client(reader).store(action, result_of()),
        lambda: server.client().get(named),
        lambda: server.client().result(action),
        lambda: server.client(writer[:-2] + "AA").get(named),
    ]
    for attempt in attempts:
        with pytest.raises(grpc.RpcError) as refused:
            attempt()
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    token_file = tmp_path / "token"
    token_file.write_text(reader)
    said = program("status", server.address, "--token-file", str(token_file))
    assert "reads:  permitted\nwrites: refused" in said
    assert "reads:  refused\nwrites: refused" in program("status", server.address)


def test_an_expired_token_is_refused(
    start: StartServer, tmp_path: Path, action: reapi.Digest
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 32)
    secret.chmod(0o600)
    server = start("--secret-file", str(secret))
    token = program("token", "--secret-file", str(secret), "--lifetime", "1s").strip()
    time.sleep(1.5)
    with pytest.raises(grpc.RpcError) as refused:
        server.client(token).get(action)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def test_tls(start: StartServer, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    server = start("--tls-certificate", str(pem), "--tls-key", str(key))
    address = f"localhost:{server.address.rpartition(':')[2]}"
    credentials = grpc.ssl_channel_credentials(pem.read_bytes())
    with grpc.secure_channel(address, credentials) as channel:
        client = Client(channel)
        assert client.get(client.put(b"secret")) == b"secret"
    assert "is serving" in program("status", address, "--ca-file", str(pem))
    assert "UNAVAILABLE" in program("status", address, exit_code=1)


def test_metrics_add_up(server: Server) -> None:
    client = server.client()
    before = metrics(server)
    content = LARGE + b"for the metrics"
    client.stream(content)
    client.stream(content)  # is there already
    after = metrics(server)
    grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
    assert grown["remote_cache_kept_bytes"] == len(content)
    written = 'buildgrid_rpc_duration_ms_count{code="",method="Write",'
    assert [value for name, value in grown.items() if name.startswith(written)] == [2.0]


def metrics(server: Server) -> dict[str, float]:
    url = next(
        line.removeprefix("metrics: ")
        for line in server.log.read_text().splitlines()
        if line.startswith("metrics: ")
    )
    with urllib.request.urlopen(url, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def test_start_and_stop_in_the_background(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    here = ("--folder", str(folder))
    assert "no server is running over" in program("status", *here, exit_code=1)
    said = program("start", *here, "--listen", "127.0.0.1:0", "--max-size", "1G")
    try:
        assert 'remote_store_address = "grpc://127.0.0.1:' in said
        assert "already running" in program("start", *here)
        assert "is serving" in program("status", *here)
    finally:
        stopped = program("stop", *here)
    assert "stopped: process" in stopped
    assert "no server is running over" in program("stop", *here)
    wrong = program("start", *here, "--max-size", "lots", exit_code=1)
    assert "'lots' is not a size" in wrong
