from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # no stubs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent_runner import temporal_connection
from agent_runner.temporal_connection import TemporalUnreachable
from agent_runner.testing_support import MINIMAL, run, settings_of
from support.loopback import silent_port
from support.temporal_server import TemporalServer


@pytest.fixture(scope="module")
def temporal() -> Iterator[TemporalServer]:
    with TemporalServer() as running:
        yield running


async def connect(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    settings = settings_of(
        monkeypatch, {**MINIMAL, "TEMPORAL_CONNECT_TIMEOUT_SECONDS": "0.5", **values}
    )
    core = temporal_connection.runtime()
    await temporal_connection.connect(
        settings, lambda: temporal_connection.connect_once(settings, core)
    )


def test_a_server_that_answers(temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    run(connect(monkeypatch, TEMPORAL_SERVICE_ADDRESS=temporal.address))


def test_an_unknown_namespace_is_named(
    temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TemporalUnreachable, match=r"no namespace 'absent' \(TEMPORAL_NAMESPACE\)"):
        run(
            connect(
                monkeypatch,
                TEMPORAL_SERVICE_ADDRESS=temporal.address,
                TEMPORAL_NAMESPACE="absent",
            )
        )


@pytest.mark.parametrize("address", ["127.0.0.1:1", "does-not-exist.invalid:7233"])
def test_an_address_where_nobody_answers(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TemporalUnreachable) as caught:
        run(connect(monkeypatch, TEMPORAL_SERVICE_ADDRESS=address))
    assert f"Temporal at {address} cannot be reached: " in str(caught.value)
    assert "gave up after 0.5 s" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_port() as port, pytest.raises(TemporalUnreachable, match="no answer"):
        run(connect(monkeypatch, TEMPORAL_SERVICE_ADDRESS=f"127.0.0.1:{port}"))


class Certificates:
    """A test authority and what it signed; files are PEM."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.ca = self._write("ca.pem", self._sign(self._name, self._key, authority=True))

    def issue(self, name: str) -> tuple[str, str]:
        """Certificate and key for `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key_file = self._folder / f"{name}.key"
        key_file.write_bytes(pem)
        return self._write(f"{name}.pem", self._sign(subject, key)), str(key_file)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        common = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        names: list[x509.GeneralName] = [
            x509.DNSName(common.replace(" ", "-")),
        ]
        if common == "loopback":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        file = self._folder / name
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(file)


@asynccontextmanager
async def tls_in_front(
    temporal: TemporalServer, certificates: Certificates, name: str
) -> AsyncIterator[str]:
    """The Temporal server behind mutual TLS; yields the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.issue(name))
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", temporal.port)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def test_mutual_tls_with_a_server_name(
    temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    certificate, key = certificates.issue("worker")
    ours = {
        "TEMPORAL_TLS_CA_FILE": certificates.ca,
        "TEMPORAL_TLS_CERT_FILE": certificate,
        "TEMPORAL_TLS_KEY_FILE": key,
    }
    named = {**ours, "TEMPORAL_TLS_SERVER_NAME": "temporal.internal"}

    async def scenario() -> None:
        async with tls_in_front(temporal, certificates, "temporal.internal") as address:
            await connect(monkeypatch, TEMPORAL_SERVICE_ADDRESS=address, **named)
            for refused in (
                ours,  # the certificate is for another name
                {**named, "TEMPORAL_TLS_CA_FILE": Certificates(tmp_path / "other").ca},
                {name: named[name] for name in named if "CERT" not in name and "KEY" not in name},
                {"TEMPORAL_TLS": "false"},
            ):
                with pytest.raises(TemporalUnreachable):
                    await connect(monkeypatch, TEMPORAL_SERVICE_ADDRESS=address, **refused)

    (tmp_path / "other").mkdir()
    run(scenario())


def test_an_api_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Recorder(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
        def service(self, details: grpc.HandlerCallDetails) -> None:
            seen.append(str(dict(details.invocation_metadata).get("authorization")))

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Recorder()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        run(
            connect(
                monkeypatch,
                TEMPORAL_SERVICE_ADDRESS=f"127.0.0.1:{port}",
                TEMPORAL_API_KEY="temporal-key-0123",
                TEMPORAL_TLS="false",
            )
        )
    finally:
        server.stop(0).wait()
    assert "Bearer temporal-key-0123" in seen
