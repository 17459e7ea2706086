"""A self-signed code-signing certificate and a timestamping service on loopback, for tests."""

from __future__ import annotations

import base64
import datetime
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "A Test's Signer"
PASSWORD = 'a "pass\\word" é'

_PACKAGES = {"osslsigncode": "osslsigncode", "openssl": "openssl"}

_TSA = """\
[tsa]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
"""


def required_program(name: str) -> str:
    """The path of a program that these tests require."""
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed: apt-get install {_PACKAGES[name]}, or brew"
    return path


@dataclass(frozen=True)
class Identity:
    """A key and its certificate, in PEM."""

    key: bytes
    certificate: bytes

    def pfx(self, password: str = PASSWORD) -> bytes:
        return pkcs12.serialize_key_and_certificates(
            None,
            serialization.load_pem_private_key(self.key, None),  # type: ignore[arg-type]
            x509.load_pem_x509_certificate(self.certificate),
            None,
            serialization.BestAvailableEncryption(password.encode()),
        )

    def variables(self, timestamp_url: str = "none") -> dict[str, str]:
        """The settings of a Windows signature, as a workflow passes them."""
        return {
            "RELEASE_WINDOWS_PFX": base64.encodebytes(self.pfx()).decode(),
            "RELEASE_WINDOWS_PASSWORD": PASSWORD,
            "RELEASE_WINDOWS_TIMESTAMP_URL": timestamp_url,
        }


def make_identity(
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
    *,
    elliptic: bool = False,
) -> Identity:
    key = (
        ec.generate_private_key(ec.SECP256R1())
        if elliptic
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


@contextmanager
def serve_timestamps(folder: Path) -> Iterator[str]:
    """A service that speaks RFC 3161, by OpenSSL's `ts`; gives its URL. Its certificate is
    `folder/tsa.pem`."""
    openssl = required_program("openssl")
    identity = make_identity(ExtendedKeyUsageOID.TIME_STAMPING)
    for name, content in {
        "tsa.cnf": _TSA.encode(),
        "tsa.key": identity.key,
        "tsa.pem": identity.certificate,
        "serial": b"01\n",
    }.items():
        (folder / name).write_bytes(content)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(
                [
                    *(openssl, "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa"),
                    *("-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key"),
                    *("-out", "reply"),
                ],
                cwd=folder,
                check=True,
                capture_output=True,
            )
            reply = (folder / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
