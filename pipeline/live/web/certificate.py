"""TLS: with a certificate that was given, or with one made for this run, which nothing keeps."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

VALID_DAYS = 30
"""Validity of the certificate in days: longer than a run, and below the 825 days above which Safari refuses
certificates."""


def given_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """TLS with the certificate in a file.

    Args:
        certificate: PEM file of the certificate with its chain.
        key: PEM file of the key; None if it is in the same file.

    Raises:
        UsageError: If a file can't be read, or they don't belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # An empty password: an encrypted key is refused, where OpenSSL would ask on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(
            f"TLS can't use {certificate}{f' with {key}' if key else ''}: {reason}; give PEM files of a certificate "
            "and its unencrypted key"
        ) from error
    return context


def self_made_context(hosts: Iterable[str]) -> tuple[ssl.SSLContext, str]:
    """TLS with a new certificate that signs itself; a browser warns of it once.

    Args:
        hosts: Addresses and names under which this machine is asked.

    Returns:
        The context, and the certificate's SHA-256 as browsers show it, with which people can compare.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deblur live")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # clocks of phones differ
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in dict.fromkeys(hosts)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # OpenSSL takes files alone. Both are gone before anything is served.
    with tempfile.TemporaryDirectory(prefix="deblur-") as folder:
        path = Path(folder) / "self.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(path)
    return context, certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def own_address() -> str:
    """The address of this machine in the network that leads to others; loopback where there is none."""
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            # Documentation addresses; connecting a UDP socket sends nothing.
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
