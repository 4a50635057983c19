"""A certificate authority for tests, and the certificate of the simulated hosts.

Made once for each process, in a temporary folder that is deleted with it. The authority's private
key is never written: no other program can make certificates that clients trusting it would accept.
"""

from __future__ import annotations

import atexit
import shutil
import ssl
import tempfile
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

HOSTS = ("www.youtube.com", "youtube.com", "m.youtube.com", "music.youtube.com")


class Certificates(NamedTuple):
    """`ca_file` is for clients to trust, `context` for the server to serve."""

    ca_file: Path
    context: ssl.SSLContext


@lru_cache(maxsize=1)
def certificates() -> Certificates:
    """This process's certificates.

    Raises:
        ImportError: `cryptography` is not installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="tubeq-youtube-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority, leaf = _make()
    ca_file, leaf_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(authority)
    leaf_file.touch(mode=0o600)
    leaf_file.write_bytes(leaf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf_file)
    leaf_file.unlink()
    return Certificates(ca_file, context)


def _make() -> tuple[bytes, bytes]:
    """PEM of the authority's certificate, and of the leaf's key and certificate."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        message = "the simulated YouTube needs cryptography: pip install 'tubeq[demo]'"
        raise ImportError(message) from error

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(timezone.utc)
    ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_key_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def builder(subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("tubeq test authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=365))
        )

    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    ca = (
        builder("tubeq test authority", ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(ca_key_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id)
    leaf = (
        builder("simulated YouTube", leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    leaf_key_pem = leaf_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ca.public_bytes(pem), leaf_key_pem + leaf.public_bytes(pem)
