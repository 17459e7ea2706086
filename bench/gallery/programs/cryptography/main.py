"""Keys, signatures, a certificate, a token, a password's hash and OpenSSL's own name."""

from datetime import datetime, timezone

from cryptography import x509
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.x509.oid import NameOID

key = rsa.generate_private_key(65537, 2048)
pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
key.public_key().verify(key.sign(b"text", pss, hashes.SHA256()), b"text", pss, hashes.SHA256())
print("RSA", key.key_size)
fixed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
print("Ed25519", fixed.sign(b"text").hex())
pem = fixed.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.BestAvailableEncryption(b"secret"),
)
print("PEM", serialization.load_pem_private_key(pem, b"secret").public_key() == fixed.public_key())
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
signer = ec.generate_private_key(ec.SECP256R1())
certificate = (
    x509.CertificateBuilder(name, name, signer.public_key(), 1)
    .not_valid_before(datetime(2024, 1, 1, tzinfo=timezone.utc))
    .not_valid_after(datetime(2034, 1, 1, tzinfo=timezone.utc))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("example.org")]), critical=False)
    .sign(signer, hashes.SHA256())
)
certificate.verify_directly_issued_by(certificate)
print(certificate.subject.rfc4514_string(), certificate.extensions[0].value)
fernet = Fernet(Fernet.generate_key())
print(fernet.decrypt(fernet.encrypt(b"token")))
try:
    fernet.decrypt(b"x")
except InvalidToken as error:
    print("refused", type(error).__name__)
print(AESGCM(bytes(16)).encrypt(bytes(12), b"text", b"more").hex())
print(Scrypt(salt=b"salt", length=16, n=2**10, r=8, p=1).derive(b"password").hex())
print(backend.openssl_version_text().split()[0])
